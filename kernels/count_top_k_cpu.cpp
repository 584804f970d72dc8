// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include "weft/device/parallel.h"
#include "weft/kernels/count_top_k.h"

namespace weft::kernels {
namespace {

template <class T>
void run(i64* count, Rows<const T> x, const i64* label, i64 k) {
  const i64 cols = x.cols;
  std::atomic<i64> total{0};
  parallel_for(x.rows, 16 * 1024 / (cols + 1) + 1, [&](i64 begin, i64 end) {
    i64 hits = 0;
    for (i64 r = begin; r < end; ++r) {
      const T* row = x.row(r);
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

}  // namespace

#define WEFT_COUNT_TOP_K(T)                                                     \
  template <>                                                                   \
  void count_top_k(Cpu, i64* count, Rows<const T> x, const i64* label, i64 k) { \
    run(count, x, label, k);                                                    \
  }
WEFT_COUNT_TOP_K(float)
WEFT_COUNT_TOP_K(double)

}  // namespace weft::kernels
