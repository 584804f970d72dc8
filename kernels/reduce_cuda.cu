// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/best.h"
#include "weft/kernels/common/columns.h"
#include "weft/kernels/reduce.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

constexpr i64 kElementsPerPart = 16 * 1024;  // elements of a long row that one block sums

// y[row, part] = scale·Σ over that part of the row.
template <class T, class Sum, bool kBlock>
__global__ void __launch_bounds__(kThreads)
    sum_rows_kernel(Sum* y, const T* x, double scale, i64 rows, i64 cols, i64 parts) {
  using C = Compute<T>;
  using Total = Accumulate<T>;
  using Team = RowTeam<kBlock>;
  const i64 at = Team::row();
  if (at >= rows * parts) return;
  const Division row = divide(at, parts);
  const i64 end =
      parts == 1 || row.remainder == parts - 1 ? cols : (row.remainder + 1) * kElementsPerPart;
  Total sum[4] = {};  // four independent sums, so that four loads overlap
  i64 c = row.remainder * kElementsPerPart + Team::rank();
  const T* x_row = x + row.quotient * cols;
  for (; c + 3 * Team::kSize < end; c += 4 * Team::kSize) {
#pragma unroll
    for (int k = 0; k < 4; ++k)
      sum[k] += static_cast<Total>(static_cast<C>(x_row[c + k * Team::kSize]));
  }
  for (; c < end; c += Team::kSize) sum[0] += static_cast<Total>(static_cast<C>(x_row[c]));
  const Total total = Team::sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
  if (Team::rank() == 0) y[at] = converted<Sum>(scale * static_cast<double>(total));
}

// y[matrix, run, column] = scale·Σ over the rows of that run.
template <class T, class Sum, int kWidth>
__global__ void __launch_bounds__(kThreads)
    sum_columns_kernel(Sum* y, const T* x, double scale, ColumnRuns runs) {
  using Total = Accumulate<T>;
  using Values = Group<Total, kWidth>;
  const ColumnBlock at = column_block<kWidth>(runs);
  Values sum{};
  if (at.column < runs.cols) {
    const T* column = x + at.matrix * runs.rows * runs.cols + at.column;
#pragma unroll 4
    for (i64 r = runs.begin(at.run) + at.warp; r < runs.end(at.run); r += kColumnWarps) {
      const auto row = load_group<kWidth>(column + r * runs.cols);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) sum.value[k] += static_cast<Total>(row.value[k]);
    }
  }
  sum = combine_warps(sum, EachOf<Plus>{});
  if (at.warp != 0 || at.column >= runs.cols) return;
  Sum* to = y + (at.matrix * runs.runs + at.run) * runs.cols + at.column;
#pragma unroll
  for (int k = 0; k < kWidth; ++k)
    to[k] = converted<Sum>(scale * static_cast<double>(sum.value[k]));
}

template <class T, bool kBlock>
__global__ void __launch_bounds__(kThreads)
    extreme_rows_kernel(T* y, i64* index, const T* x, i64 rows, i64 cols, Compute<T> sign) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row();
  if (row >= rows) return;
  Best<C> best{-INFINITY, cols};  // index `cols` loses to every element, also to −∞
  for (i64 c = Team::rank(); c < cols; c += Team::kSize)
    best = Better{}(best, Best<C>{sign * static_cast<C>(x[row * cols + c]), c});
  best = Team::combine(best, Better{});
  if (Team::rank() != 0) return;
  y[row] = static_cast<T>(sign * best.value);
  if (index != nullptr) index[row] = best.index;
}

// Each iteration reduces one column. Neighbouring threads read neighbouring elements.
template <class T>
__global__ void __launch_bounds__(kThreads)
    extreme_columns_kernel(T* y, i64* index, const T* x, ReduceShape s, Compute<T> sign) {
  using C = Compute<T>;
  for (i64 i = first_index(); i < s.outer * s.inner; i += grid_stride()) {
    const Division at = divide(i, s.inner);
    const T* column = x + at.quotient * s.n * s.inner + at.remainder;
    Best<C> best{sign * static_cast<C>(column[0]), 0};
    for (i64 k = 1; k < s.n; ++k)
      best = Better{}(best, Best<C>{sign * static_cast<C>(column[k * s.inner]), k});
    y[i] = static_cast<T>(sign * best.value);
    if (index != nullptr) index[i] = best.index;
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    repeat_kernel(T* y, const T* x, Compute<T> scale, ReduceShape s, i64 packs) {
  using C = Compute<T>;
  constexpr int kSize = Pack<T>::kSize;
  const auto source = [=](i64 i) {  // the index in x of y[i]
    const Division row = divide(i, s.inner);
    return divide(row.quotient, s.n).quotient * s.inner + row.remainder;
  };
  const i64 total = s.outer * s.n * s.inner;
  for (i64 i = first_index(); i < packs; i += grid_stride()) {
    Pack<T> out;
#pragma unroll
    for (int k = 0; k < kSize; ++k)
      out.value[k] = static_cast<T>(scale * static_cast<C>(x[source(i * kSize + k)]));
    reinterpret_cast<Pack<T>*>(y)[i] = out;
  }
  for (i64 i = packs * kSize + first_index(); i < total; i += grid_stride())
    y[i] = static_cast<T>(scale * static_cast<C>(x[source(i)]));
}

template <class T>
void sum(Cuda device, T* y, const T* x, double scale, const ReduceShape& s) {
  using Total = Accumulate<T>;
  if (s.outer * s.inner == 0) return;
  if (s.inner == 1) {
    const i64 parts = divide_up(s.n, kElementsPerPart);
    if (parts <= 1) {
      return with_team(s.n, [&]<bool kBlock>() {
        launch<sum_rows_kernel<T, T, kBlock>>(on(device, blocks_for_rows(kBlock, s.outer)), y, x,
                                              scale, s.outer, s.n, 1);
      });
    }
    const Scratch<Total> partial(device, s.outer * parts);
    launch<sum_rows_kernel<T, Total, true>>(on(device, blocks_for_rows(true, s.outer * parts)),
                                            partial.data(), x, 1.0, s.outer, s.n, parts);
    launch<sum_rows_kernel<Total, T, true>>(on(device, blocks_for_rows(true, s.outer)), y,
                                            static_cast<const Total*>(partial.data()), scale,
                                            s.outer, parts, 1);
    return;
  }
  const ColumnRuns runs = column_runs(s.n, s.inner, s.outer);
  const auto sum = [&]<class From, class To>(To* to, const From* from, double by,
                                             const ColumnRuns& r) {
    with_column_width<From>(
        r.cols,
        [&]<int kWidth>() {
          launch<sum_columns_kernel<From, To, kWidth>>(
              on(device, blocks_for_columns<kWidth>(r, s.outer)), to, from, by, r);
        },
        from);
  };
  if (runs.runs == 1) return sum(y, x, scale, runs);
  const Scratch<Total> partial(device, s.outer * runs.runs * s.inner);
  sum(partial.data(), x, 1.0, runs);
  sum(y, static_cast<const Total*>(partial.data()), scale,
      ColumnRuns{runs.runs, s.inner, runs.runs, 1});
}

// The minimum is the maximum of −x.
template <class T>
void extreme(Cuda device, Extreme which, T* y, i64* index, const T* x, const ReduceShape& s) {
  if (s.outer * s.inner == 0) return;
  const Compute<T> sign = which == Extreme::max ? 1 : -1;
  if (s.inner > 1) {
    launch<extreme_columns_kernel<T>>(on(device, blocks_for(s.outer * s.inner)), y, index, x, s,
                                      sign);
    return;
  }
  with_team(s.n, [&]<bool kBlock>() {
    launch<extreme_rows_kernel<T, kBlock>>(on(device, blocks_for_rows(kBlock, s.outer)), y, index,
                                           x, s.outer, s.n, sign);
  });
}

template <class T>
void spread(Cuda device, T* y, const T* x, double scale, const ReduceShape& s) {
  const i64 n = s.outer * s.n * s.inner;
  if (n == 0) return;
  const i64 packs = packs_in<T>(n, y);
  launch<repeat_kernel<T>>(on(device, blocks_for(iterations<T>(n, packs))), y, x,
                           static_cast<Compute<T>>(scale), s, packs);
}

}  // namespace

#define WEFT_REDUCE(T)                                                                     \
  template <>                                                                              \
  void reduce_sum(Cuda device, T* y, const T* x, double scale, const ReduceShape& shape) { \
    sum(device, y, x, scale, shape);                                                       \
  }                                                                                        \
  template <>                                                                              \
  void reduce_extreme(Cuda device, Extreme which, T* y, i64* index, const T* x,            \
                      const ReduceShape& shape) {                                          \
    extreme(device, which, y, index, x, shape);                                            \
  }                                                                                        \
  template <>                                                                              \
  void repeat(Cuda device, T* y, const T* x, double scale, const ReduceShape& shape) {     \
    spread(device, y, x, scale, shape);                                                    \
  }
WEFT_REDUCE(float)
WEFT_REDUCE(double)
WEFT_REDUCE(half)
WEFT_REDUCE(bfloat16)

}  // namespace weft::kernels
