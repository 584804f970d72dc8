// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/copy_blocks.h"

#include <cstring>

#include "weft/device/parallel.h"

namespace weft::kernels {

template <>
void copy_blocks(Cpu, void* y, const void* x, const BlockCopy& shape) {
  auto* const to = static_cast<u8*>(y);
  const auto* const from = static_cast<const u8*>(x);
  parallel_for(shape.blocks, 256 * 1024 / (shape.bytes + 1) + 1, [&](i64 begin, i64 end) {
    for (i64 b = begin; b < end; ++b)
      std::memcpy(to + b * shape.y_pitch, from + b * shape.x_pitch,
                  static_cast<std::size_t>(shape.bytes));
  });
}

}  // namespace weft::kernels
