// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <limits>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/common/scratch.h"
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

constexpr i64 kColumns = 64;  // their sums stay in registers or the L1 cache

// The positions of each row of the table are found by a counting sort. Each row of dtable is then
// the sum of the rows of dy at its positions, in order.
template <class T>
void backward(Rows<T> dtable, Rows<const T> dy, const i64* index) {
  const i64 n = dy.rows, cols = dtable.cols;
  // A counting sort: the positions of row k are position[end[k − 1]] to position[end[k] − 1].
  const Scratch<i64, Cpu> memory(Cpu{}, dtable.rows + 1 + n);
  i64 *end_of = memory.data() + 1, *position = end_of + dtable.rows;
  std::fill_n(memory.data(), dtable.rows + 1, i64{0});
  for (i64 i = 0; i < n; ++i) ++end_of[index[i]];
  for (i64 k = 0, before = 0; k < dtable.rows; ++k) {
    const i64 count = end_of[k];
    end_of[k] = before;
    before += count;
  }
  for (i64 i = 0; i < n; ++i) position[end_of[index[i]]++] = i;
  parallel_for(dtable.rows, 64 * 1024 / (cols + 1) + 1, [=](i64 begin, i64 end) {
    simd([=] {
      for (i64 k = begin; k < end; ++k) {
        for (i64 first = 0; first < cols; first += kColumns) {
          double sum[kColumns] = {};
          const i64 width = std::min(kColumns, cols - first);
          for (i64 at = end_of[k - 1]; at < end_of[k]; ++at) {
            const T* from = dy.row(position[at]) + first;
            for (i64 c = 0; c < width; ++c) sum[c] += static_cast<double>(from[c]);
          }
          for (i64 c = 0; c < width; ++c) dtable.row(k)[first + c] = static_cast<T>(sum[c]);
        }
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
