// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/copy_blocks.h"

#include <cstdint>

#include "weft/kernels/common/grid.h"
#include "weft/kernels/common/words.h"

namespace weft::kernels {
namespace {

// Sizes and pitches are in words.
template <int kBytes>
__global__ void __launch_bounds__(kThreads)
    copy_blocks_kernel(Word<kBytes>* y, const Word<kBytes>* x, BlockCopy s) {
  for (i64 i = first_index(); i < s.blocks * s.bytes; i += grid_stride()) {
    const auto [block, word] = divide(i, s.bytes);
    y[block * s.y_pitch + word] = x[block * s.x_pitch + word];
  }
}

}  // namespace

template <>
void copy_blocks(Cuda device, void* y, const void* x, const BlockCopy& shape) {
  if (shape.blocks * shape.bytes == 0) return;
  const auto low_bits = reinterpret_cast<std::uintptr_t>(y) | reinterpret_cast<std::uintptr_t>(x) |
                        static_cast<std::uintptr_t>(shape.bytes | shape.x_pitch | shape.y_pitch);
  with_word(low_bits, [&]<int kBytes>() {
    const BlockCopy words{shape.blocks, shape.bytes / kBytes, shape.x_pitch / kBytes,
                          shape.y_pitch / kBytes};
    launch<copy_blocks_kernel<kBytes>>(on(device, blocks_for(words.blocks * words.bytes)),
                                       static_cast<Word<kBytes>*>(y),
                                       static_cast<const Word<kBytes>*>(x), words);
  });
}

}  // namespace weft::kernels
