// SPDX-License-Identifier: Apache-2.0
// Converts a stored batch to the input of a network.
//   math     y[r,c] = x[r,c]·factor[c] + offset[c]
//   shapes   x, y (rows, channels); factor, offset (channels), on the device
//   saved    nothing, because inputs have no gradient
//   aliasing none
//   source   none
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

// From is u8 (images) or float (scalars).
template <class From, class Device>
void normalize(Device device, Rows<float> y, Rows<const From> x, const float* factor,
               const float* offset);

}  // namespace weft::kernels
