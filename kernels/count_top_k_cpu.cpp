// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include "weft/device/parallel.h"
#include "weft/kernels/count_top_k.h"

namespace weft::kernels {

template <class T>
void count_top_k(Cpu, i64* count, const T* x, const i64* label, i64 k, i64 rows, i64 cols) {
  std::atomic<i64> total{0};
  parallel_for(rows, 16 * 1024 / (cols + 1) + 1, [&](i64 begin, i64 end) {
    i64 hits = 0;
    for (i64 r = begin; r < end; ++r) {
      const T* row = x + r * cols;
      const T own = row[label[r]];
      i64 above = 0;
      for (i64 c = 0; c < cols; ++c)
        above += row[c] > own || (row[c] == own && c < label[r]) ? 1 : 0;
      hits += own == own && above < k ? 1 : 0;
    }
    total += hits;
  });
  *count += total;
}

template void count_top_k(Cpu, i64*, const float*, const i64*, i64, i64, i64);
template void count_top_k(Cpu, i64*, const double*, const i64*, i64, i64, i64);

}  // namespace weft::kernels
