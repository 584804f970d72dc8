// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/common/scratch.h"
#include "weft/kernels/reduce.h"

namespace weft::kernels {
namespace {

// The elements of a block. The size is fixed, so that results do not depend on the threads.
constexpr i64 kBlock = 8 * 1024;
constexpr i64 kLanes = 16;

template <class T>
T sum_run(const T* x, i64 n) {
  T lane[kLanes] = {};
  T total = 0;
  simd([&] {
    i64 i = 0;
    for (; i + kLanes <= n; i += kLanes)
      for (i64 l = 0; l < kLanes; ++l) lane[l] += x[i + l];
    for (; i < n; ++i) lane[i % kLanes] += x[i];
  });
  for (const T part : lane) total += part;
  return total;
}

// The sum of n contiguous elements. Blocks of fixed size are summed in parallel and added in order.
template <class T>
T sum_long(const T* x, i64 n) {
  const i64 blocks = (n + kBlock - 1) / kBlock;
  if (blocks <= 1) return sum_run(x, n);
  const Scratch<T, Cpu> sums(Cpu{}, blocks);
  T* partial = sums.data();
  parallel_for(blocks, 4, [&](i64 begin, i64 end) {
    for (i64 b = begin; b < end; ++b)
      partial[b] = sum_run(x + b * kBlock, std::min(kBlock, n - b * kBlock));
  });
  return sum_run(partial, blocks);
}

// y[i] = Σ_k x[k, i] over the rows k of a block.
template <class T>
void sum_rows(T* y, const T* x, i64 rows, i64 inner) {
  simd([=] {
    for (i64 i = 0; i < inner; ++i) y[i] = 0;
    for (i64 k = 0; k < rows; ++k)
      for (i64 i = 0; i < inner; ++i) y[i] += x[k * inner + i];
  });
}

template <class T>
void scale_run(T* y, T scale, i64 n) {
  for (i64 i = 0; i < n; ++i) y[i] *= scale;
}

// The sums of the columns of one (n, inner) matrix. Blocks of rows are summed in parallel and their
// sums are added in order.
template <class T>
void sum_columns(T* y, const T* x, T scale, i64 n, i64 inner) {
  const i64 rows_per_block = std::max<i64>(1, 4 * kBlock / std::max<i64>(inner, 1));
  const i64 blocks = (n + rows_per_block - 1) / rows_per_block;
  if (blocks <= 1) {
    sum_rows(y, x, n, inner);
  } else {
    const Scratch<T, Cpu> sums(Cpu{}, blocks * inner);
    T* partial = sums.data();
    parallel_blocks(blocks, [&](i64 b) {
      const i64 first = b * rows_per_block;
      sum_rows(partial + b * inner, x + first * inner, std::min(rows_per_block, n - first), inner);
    });
    sum_rows(y, partial, blocks, inner);
  }
  scale_run(y, scale, inner);
}

template <class T>
void sum(T* y, const T* x, double scale, const ReduceShape& s) {
  const T factor = static_cast<T>(scale);
  if (s.inner == 1 && s.outer == 1) {
    y[0] = factor * sum_long(x, s.n);
  } else if (s.inner == 1) {
    parallel_for(s.outer, kBlock / std::max<i64>(s.n, 1) + 1, [&](i64 begin, i64 end) {
      for (i64 o = begin; o < end; ++o) {
        T total = 0;
        for (i64 k = 0; k < s.n; k += kBlock)
          total += sum_run(x + o * s.n + k, std::min(kBlock, s.n - k));
        y[o] = factor * total;
      }
    });
  } else if (s.outer == 1) {
    sum_columns(y, x, factor, s.n, s.inner);
  } else {
    parallel_for(s.outer, kBlock / std::max<i64>(s.n * s.inner, 1) + 1, [&](i64 begin, i64 end) {
      for (i64 o = begin; o < end; ++o) {
        sum_rows(y + o * s.inner, x + o * s.n * s.inner, s.n, s.inner);
        scale_run(y + o * s.inner, factor, s.inner);
      }
    });
  }
}

template <class T>
void max(T* y, i64* index, const T* x, const ReduceShape& s) {
  parallel_for(s.outer, kBlock / std::max<i64>(s.n * s.inner, 1) + 1, [&](i64 begin, i64 end) {
    for (i64 o = begin; o < end; ++o) {
      for (i64 i = 0; i < s.inner; ++i) {
        const T* column = x + o * s.n * s.inner + i;
        T best = column[0];
        i64 best_at = 0;
        for (i64 k = 1; k < s.n && best == best; ++k) {
          const T value = column[k * s.inner];
          if (value > best || value != value) {
            best = value;
            best_at = k;
          }
        }
        y[o * s.inner + i] = best;
        if (index != nullptr) index[o * s.inner + i] = best_at;
      }
    }
  });
}

template <class T>
void spread(T* y, const T* x, double scale, const ReduceShape& s) {
  const T factor = static_cast<T>(scale);
  parallel_for(s.outer * s.n, kBlock / std::max<i64>(s.inner, 1) + 1, [&](i64 begin, i64 end) {
    simd([=] {
      for (i64 row = begin; row < end; ++row)
        for (i64 i = 0; i < s.inner; ++i)
          y[row * s.inner + i] = factor * x[row / s.n * s.inner + i];
    });
  });
}

}  // namespace

#define WEFT_REDUCE(T)                                                             \
  template <>                                                                      \
  void reduce_sum(Cpu, T* y, const T* x, double scale, const ReduceShape& shape) { \
    sum(y, x, scale, shape);                                                       \
  }                                                                                \
  template <>                                                                      \
  void reduce_max(Cpu, T* y, i64* index, const T* x, const ReduceShape& shape) {   \
    max(y, index, x, shape);                                                       \
  }                                                                                \
  template <>                                                                      \
  void repeat(Cpu, T* y, const T* x, double scale, const ReduceShape& shape) {     \
    spread(y, x, scale, shape);                                                    \
  }
WEFT_REDUCE(float)
WEFT_REDUCE(double)

}  // namespace weft::kernels
