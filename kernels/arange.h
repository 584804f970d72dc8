// SPDX-License-Identifier: Apache-2.0
// Counts upward.
//   math     y[i] = begin + i, converted to T
//   shapes   y (n)
//   saved    nothing
//   aliasing none
//   source   none
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/half.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

// It exists for every element type of dtype.h.
template <class T, class Device>
void arange(Device device, Span<T> y, i64 begin);

}  // namespace weft::kernels
