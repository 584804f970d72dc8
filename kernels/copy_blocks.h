// SPDX-License-Identifier: Apache-2.0
// Copies blocks of bytes, which lie at one distance in the source and at another in the target.
//   math     y[b·y_pitch + i] = x[b·x_pitch + i] for b < blocks and i < bytes
//   shapes   the other bytes of y keep their values
//   saved    nothing
//   aliasing none
//   source   none
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft::kernels {

struct BlockCopy {
  i64 blocks = 0, bytes = 0;     // bytes of each block
  i64 x_pitch = 0, y_pitch = 0;  // from the begin of a block to that of the next one, in bytes
};

template <class Device>
void copy_blocks(Device device, void* y, const void* x, const BlockCopy& shape);

}  // namespace weft::kernels
