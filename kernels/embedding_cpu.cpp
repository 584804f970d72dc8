// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <limits>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/embedding.h"

namespace weft::kernels {

template <class T>
void embedding_forward(Cpu, T* y, i64* bad, const T* table, const i64* index, i64 n, i64 rows,
                       i64 cols) {
  std::atomic<i64> bad_position{-1};
  parallel_for(n, 16 * 1024 / (cols + 1) + 1, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; ++i) {
      if (index[i] >= 0 && index[i] < rows) {
        std::copy_n(table + index[i] * cols, cols, y + i * cols);
        continue;
      }
      std::fill_n(y + i * cols, cols, std::numeric_limits<T>::quiet_NaN());
      i64 first = bad_position;
      while ((first < 0 || i < first) && !bad_position.compare_exchange_weak(first, i)) {
      }
    }
  });
  *bad = bad_position;
}

// Each thread owns a range of the table and looks through all indices for its own: no row is written by
// two, and each is summed in order.
template <class T>
void embedding_backward(Cpu, T* dtable, const T* dy, const i64* index, i64 n, i64 rows, i64 cols) {
  parallel_for(rows, 64 * 1024 / (cols + 1) + 1, [=](i64 begin, i64 end) {
    std::fill_n(dtable + begin * cols, (end - begin) * cols, T(0));
    simd([=] {
      for (i64 i = 0; i < n; ++i) {
        if (index[i] < begin || index[i] >= end) continue;
        T* to = dtable + index[i] * cols;
        for (i64 c = 0; c < cols; ++c) to[c] += dy[i * cols + c];
      }
    });
  });
}

#define WEFT_EMBEDDING(T)                                                              \
  template void embedding_forward(Cpu, T*, i64*, const T*, const i64*, i64, i64, i64); \
  template void embedding_backward(Cpu, T*, const T*, const i64*, i64, i64, i64);
WEFT_EMBEDDING(float)
WEFT_EMBEDDING(double)

}  // namespace weft::kernels
