// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <limits>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/embedding.h"

namespace weft::kernels {
namespace {

template <class T>
void forward(Rows<T> y, i64* bad, Rows<const T> table, const i64* index) {
  const i64 rows = table.rows, cols = table.cols;
  std::atomic<i64> bad_position{-1};
  parallel_for(y.rows, 16 * 1024 / (cols + 1) + 1, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; ++i) {
      if (index[i] >= 0 && index[i] < rows) {
        std::copy_n(table.row(index[i]), cols, y.row(i));
        continue;
      }
      std::fill_n(y.row(i), cols, std::numeric_limits<T>::quiet_NaN());
      i64 first = bad_position;
      while ((first < 0 || i < first) && !bad_position.compare_exchange_weak(first, i)) {
      }
    }
  });
  *bad = bad_position;
}

// Each thread writes a range of rows of dtable and scans all indices for that range. No row is
// written by two threads, and each row is summed in the order of the indices.
template <class T>
void backward(Rows<T> dtable, Rows<const T> dy, const i64* index) {
  const i64 n = dy.rows, cols = dtable.cols;
  parallel_for(dtable.rows, 64 * 1024 / (cols + 1) + 1, [=](i64 begin, i64 end) {
    std::fill_n(dtable.row(begin), (end - begin) * cols, T(0));
    simd([=] {
      for (i64 i = 0; i < n; ++i) {
        if (index[i] < begin || index[i] >= end) continue;
        T* to = dtable.row(index[i]);
        const T* from = dy.row(i);
        for (i64 c = 0; c < cols; ++c) to[c] += from[c];
      }
    });
  });
}

}  // namespace

#define WEFT_EMBEDDING(T)                                                                   \
  template <>                                                                               \
  void embedding_forward(Cpu, Rows<T> y, i64* bad, Rows<const T> table, const i64* index) { \
    forward(y, bad, table, index);                                                          \
  }                                                                                         \
  template <>                                                                               \
  void embedding_backward(Cpu, Rows<T> dtable, Rows<const T> dy, const i64* index) {        \
    backward(dtable, dy, index);                                                            \
  }
WEFT_EMBEDDING(float)
WEFT_EMBEDDING(double)

}  // namespace weft::kernels
