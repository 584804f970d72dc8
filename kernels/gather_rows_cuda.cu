// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/gather_rows.h"

#include <cstdint>

#include "weft/kernels/common/grid.h"

namespace weft::kernels {
namespace {

// What a thread moves at once.
template <int kBytes>
struct alignas(kBytes) Word {
  u8 value[kBytes];
};

// `words` to a row. Rows are short (labels) or long (images), so threads are dealt out over words, not rows.
template <int kBytes>
__global__ void __launch_bounds__(kThreads)
    gather_rows_kernel(u8* y, const u8* x, const i64* index, i64 n, i64 rows, i64 words) {
  using W = Word<kBytes>;
  for (i64 i = first_index(); i < n * words; i += grid_stride()) {
    const auto [row, word] = divide(i, words);
    const i64 from = index[row];
    W moved;
#pragma unroll
    for (int k = 0; k < kBytes; ++k) moved.value[k] = 0xff;
    if (from >= 0 && from < rows) moved = reinterpret_cast<const W*>(x)[from * words + word];
    reinterpret_cast<W*>(y)[i] = moved;
  }
}

bool goes_by(std::uintptr_t bytes, const void* y, const void* x, i64 row_bytes) {
  return (reinterpret_cast<std::uintptr_t>(y) | reinterpret_cast<std::uintptr_t>(x) |
          static_cast<std::uintptr_t>(row_bytes)) %
             bytes ==
         0;
}

}  // namespace

void gather_rows(Cuda device, void* y, const void* x, const i64* index, i64 n, i64 rows,
                 i64 row_bytes) {
  if (n * row_bytes == 0) return;
  const auto gather = [&]<int kBytes>() {
    const i64 words = row_bytes / kBytes;
    launch<gather_rows_kernel<kBytes>>(on(device, blocks_for(n * words)), static_cast<u8*>(y),
                                       static_cast<const u8*>(x), index, n, rows, words);
  };
  if (goes_by(16, y, x, row_bytes)) gather.template operator()<16>();
  else if (goes_by(8, y, x, row_bytes)) gather.template operator()<8>();
  else if (goes_by(4, y, x, row_bytes)) gather.template operator()<4>();
  else gather.template operator()<1>();
}

}  // namespace weft::kernels
