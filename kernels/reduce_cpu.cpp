// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/common/rows.h"
#include "weft/kernels/common/scratch.h"
#include "weft/kernels/reduce.h"

namespace weft::kernels {
namespace {

// The elements of a block. The size is fixed, so that results do not depend on the threads.
constexpr i64 kBlock = 8 * 1024;
constexpr i64 kColumns = 32;  // their sums stay in registers

template <bool kSquares, class T>
double term_of(T x) {
  const double wide = x;
  return kSquares ? wide * wide : wide;
}

// The sum of n contiguous elements. Blocks of fixed size are summed in parallel and added in order.
template <bool kSquares, class T>
double sum_long(const T* x, i64 n) {
  const i64 blocks = (n + kBlock - 1) / kBlock;
  const auto block_sum = [=](i64 b) {
    return row_sum(std::min(kBlock, n - b * kBlock),
                   [=](i64 i) { return term_of<kSquares>(x[b * kBlock + i]); });
  };
  if (blocks <= 1) return blocks == 1 ? block_sum(0) : 0.0;
  const Scratch<double, Cpu> sums(Cpu{}, blocks);
  double* partial = sums.data();
  parallel_for(blocks, 4, [&](i64 begin, i64 end) {
    simd([&] {
      for (i64 b = begin; b < end; ++b) partial[b] = block_sum(b);
    });
  });
  return row_sum(blocks, [=](i64 b) { return partial[b]; });
}

// y[i] = scale·Σ_k x[k, i] over the rows k of a block, for a few columns at a time.
template <bool kSquares, class Sum, class T>
void sum_rows(Sum* y, const T* x, double scale, i64 rows, i64 inner) {
  simd([=] {
    i64 first = 0;
    for (; first + kColumns <= inner; first += kColumns) {
      double sum[kColumns] = {};
      for (i64 k = 0; k < rows; ++k)
        for (i64 i = 0; i < kColumns; ++i) sum[i] += term_of<kSquares>(x[k * inner + first + i]);
      for (i64 i = 0; i < kColumns; ++i) y[first + i] = static_cast<Sum>(scale * sum[i]);
    }
    const i64 left = inner - first;
    if (left == 0) return;
    double sum[kColumns] = {};
    for (i64 k = 0; k < rows; ++k)
      for (i64 i = 0; i < left; ++i) sum[i] += term_of<kSquares>(x[k * inner + first + i]);
    for (i64 i = 0; i < left; ++i) y[first + i] = static_cast<Sum>(scale * sum[i]);
  });
}

// The sums of the columns of one (n, inner) matrix. Blocks of rows are summed in parallel and their
// sums are added in order.
template <bool kSquares, class To, class From>
void sum_columns(To* y, const From* x, double scale, i64 n, i64 inner) {
  const i64 rows_per_block = std::max<i64>(1, 4 * kBlock / std::max<i64>(inner, 1));
  const i64 blocks = (n + rows_per_block - 1) / rows_per_block;
  if (blocks <= 1) return sum_rows<kSquares>(y, x, scale, n, inner);
  const Scratch<double, Cpu> sums(Cpu{}, blocks * inner);
  double* partial = sums.data();
  parallel_blocks(blocks, [&](i64 b) {
    const i64 first = b * rows_per_block;
    sum_rows<kSquares>(partial + b * inner, x + first * inner, 1.0,
                       std::min(rows_per_block, n - first), inner);
  });
  sum_rows<false>(y, partial, scale, blocks, inner);
}

// See Note [Sums].
template <bool kSquares, class To, class From>
void sum(To* y, const From* x, double scale, const ReduceShape& s) {
  if (s.inner == 1 && s.outer == 1) {
    y[0] = static_cast<To>(scale * sum_long<kSquares>(x, s.n));
  } else if (s.inner == 1) {
    parallel_for(s.outer, kBlock / std::max<i64>(s.n, 1) + 1, [&](i64 begin, i64 end) {
      simd([&] {
        for (i64 o = begin; o < end; ++o) {
          const From* row = x + o * s.n;
          y[o] = static_cast<To>(scale *
                                 row_sum(s.n, [=](i64 k) { return term_of<kSquares>(row[k]); }));
        }
      });
    });
  } else if (s.outer == 1) {
    sum_columns<kSquares>(y, x, scale, s.n, s.inner);
  } else {
    parallel_for(s.outer, kBlock / std::max<i64>(s.n * s.inner, 1) + 1, [&](i64 begin, i64 end) {
      for (i64 o = begin; o < end; ++o)
        sum_rows<kSquares>(y + o * s.inner, x + o * s.n * s.inner, scale, s.n, s.inner);
    });
  }
}

// The minimum is the maximum of −x.
template <class T>
void extreme(Extreme which, T* y, i64* index, const T* x, const ReduceShape& s) {
  const T sign = which == Extreme::max ? T(1) : T(-1);
  parallel_for(s.outer, kBlock / std::max<i64>(s.n * s.inner, 1) + 1, [&](i64 begin, i64 end) {
    for (i64 o = begin; o < end; ++o) {
      for (i64 i = 0; i < s.inner; ++i) {
        const T* column = x + o * s.n * s.inner + i;
        T best = sign * column[0];
        i64 best_at = 0;
        for (i64 k = 1; k < s.n && best == best; ++k) {
          const T value = sign * column[k * s.inner];
          if (value > best || value != value) {
            best = value;
            best_at = k;
          }
        }
        y[o * s.inner + i] = sign * best;
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

#define WEFT_REDUCE_SUM(To, From)                                                      \
  template <>                                                                          \
  void reduce_sum(Cpu, To* y, const From* x, double scale, const ReduceShape& shape) { \
    sum<false>(y, x, scale, shape);                                                    \
  }
WEFT_REDUCE_SUM(float, float)
WEFT_REDUCE_SUM(double, float)
WEFT_REDUCE_SUM(float, double)
WEFT_REDUCE_SUM(double, double)

#define WEFT_REDUCE(T)                                                                      \
  template <>                                                                               \
  void reduce_squares(Cpu, double* y, const T* x, double scale, const ReduceShape& shape) { \
    sum<true>(y, x, scale, shape);                                                          \
  }                                                                                         \
  template <>                                                                               \
  void reduce_extreme(Cpu, Extreme which, T* y, i64* index, const T* x,                     \
                      const ReduceShape& shape) {                                           \
    extreme(which, y, index, x, shape);                                                     \
  }                                                                                         \
  template <>                                                                               \
  void repeat(Cpu, T* y, const T* x, double scale, const ReduceShape& shape) {              \
    spread(y, x, scale, shape);                                                             \
  }
WEFT_REDUCE(float)
WEFT_REDUCE(double)

}  // namespace weft::kernels
