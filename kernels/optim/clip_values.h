// SPDX-License-Identifier: Apache-2.0
// Clips gradients element by element.
//   math     g[i] = min(max(g[i], −l), l) with l = limit / control.grad_scale, because the
//            limit applies to grad_scale·g; g is unchanged if control.skip
//   shapes   g (n)
//   saved    nothing
//   aliasing in place
//   source   none
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/views.h"
#include "weft/kernels/optim/parameter_table.h"

namespace weft::kernels {

template <class T, class Device>
void clip_values(Device device, Span<T> g, double limit, const StepControl* control);

}  // namespace weft::kernels
