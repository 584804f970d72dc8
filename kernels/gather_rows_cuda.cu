// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/gather_rows.h"

#include <cstdint>

#include "weft/kernels/common/grid.h"
#include "weft/kernels/common/words.h"

namespace weft::kernels {
namespace {

// Rows may be short (labels) or long (images), so the work is distributed over words, not over
// rows.
template <int kBytes>
__global__ void __launch_bounds__(kThreads)
    gather_rows_kernel(Rows<Word<kBytes>> y, Rows<const Word<kBytes>> x, const i64* index) {
  for (i64 i = first_index(); i < y.size(); i += grid_stride()) {
    const auto [row, word] = divide(i, x.cols);
    const i64 from = index[row];
    Word<kBytes> moved;
#pragma unroll
    for (int k = 0; k < kBytes; ++k) moved.value[k] = 0xff;
    if (from >= 0 && from < x.rows) moved = x(from, word);
    y.data[i] = moved;
  }
}

template <int kBytes, class W, class T>
Rows<W> by_words(Rows<T> bytes) {
  return {reinterpret_cast<W*>(bytes.data), bytes.rows, bytes.cols / kBytes};
}

}  // namespace

template <>
void gather_rows(Cuda device, Rows<u8> y, Rows<const u8> x, const i64* index) {
  if (y.size() == 0) return;
  const auto low_bits = reinterpret_cast<std::uintptr_t>(y.data) |
                        reinterpret_cast<std::uintptr_t>(x.data) |
                        static_cast<std::uintptr_t>(x.cols);
  with_word(low_bits, [&]<int kBytes>() {
    using W = Word<kBytes>;
    const Rows<W> to = by_words<kBytes, W>(y);
    launch<gather_rows_kernel<kBytes>>(on(device, blocks_for(to.size())), to,
                                       by_words<kBytes, const W>(x), index);
  });
}

}  // namespace weft::kernels
