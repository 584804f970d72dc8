// SPDX-License-Identifier: Apache-2.0
// A batch as stored, made the input of a network.
//   math     y[r,c] = x[r,c]·factor[c] + offset[c]
//   shapes   x, y (rows, channels); factor, offset (channels), on the device
//   saved    nothing: inputs have no gradient
//   aliasing none
//   source   none
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft::kernels {

// From: u8 (images) or float (numbers).
template <class From>
void normalize(Cpu, float* y, const From* x, const float* factor, const float* offset, i64 rows,
               i64 channels);
template <class From>
void normalize(Cuda, float* y, const From* x, const float* factor, const float* offset, i64 rows,
               i64 channels);

}  // namespace weft::kernels
