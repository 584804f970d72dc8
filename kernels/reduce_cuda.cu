// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/best.h"
#include "weft/kernels/common/columns.h"
#include "weft/kernels/reduce.h"
#include "weft/kernels/common/scratch.h"
#include "weft/kernels/common/wide_rows.h"

namespace weft::kernels {
namespace {

constexpr i64 kElementsPerPart = 16 * 1024;  // elements of a long row that one block sums

// The term of an element in a sum.
template <bool kSquares, class Total, class T>
__device__ Total term_of(T x) {
  const Total wide = static_cast<Total>(x);
  return kSquares ? wide * wide : wide;
}

// y[row, part] = scale·Σ over that part of the row.
template <class T, class Sum, bool kSquares, bool kBlock, int kWidth>
__global__ void __launch_bounds__(kThreads)
    sum_rows_kernel(Sum* y, const T* x, double scale, i64 rows, i64 cols, i64 parts) {
  using Total = Accumulate<T>;
  using Team = RowTeam<kBlock>;
  constexpr int kLoads = kWidth == 1 ? 4 : 2;  // loads of a thread that overlap
  constexpr i64 kStep = Team::kSize * kWidth;
  const i64 at = Team::row();
  if (at >= rows * parts) return;
  const Division row = divide(at, parts);
  const i64 end =
      parts == 1 || row.remainder == parts - 1 ? cols : (row.remainder + 1) * kElementsPerPart;
  Group<Total, kWidth> sum[kLoads]{};
  const T* x_row = x + row.quotient * cols;
  const auto add = [&](Group<Total, kWidth>& to, i64 column) {
    const auto group = load_group<kWidth>(x_row + column);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) to.value[k] += term_of<kSquares, Total>(group.value[k]);
  };
  i64 c = row.remainder * kElementsPerPart + Team::rank() * kWidth;
  for (; c + (kLoads - 1) * kStep < end; c += kLoads * kStep) {
#pragma unroll
    for (int l = 0; l < kLoads; ++l) add(sum[l], c + l * kStep);
  }
#pragma unroll 1
  for (; c < end; c += kStep) add(sum[0], c);
#pragma unroll
  for (int l = kLoads / 2; l > 0; l /= 2)
#pragma unroll
    for (int i = 0; i < l; ++i) sum[i] = EachOf<Plus>{}(sum[2 * i], sum[2 * i + 1]);
  Total own = sum[0].value[0];
#pragma unroll
  for (int k = 1; k < kWidth; ++k) own += sum[0].value[k];
  const Total total = Team::sum(own);
  if (Team::rank() == 0) y[at] = converted<Sum>(scale * static_cast<double>(total));
}

// y[matrix, run, column] = scale·Σ over the rows of that run.
template <class T, class Sum, bool kSquares, int kWidth>
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
      for (int k = 0; k < kWidth; ++k) sum.value[k] += term_of<kSquares, Total>(row.value[k]);
    }
  }
  sum = combine_warps(sum, EachOf<Plus>{});
  if (at.warp != 0 || at.column >= runs.cols) return;
  Sum* to = y + (at.matrix * runs.runs + at.run) * runs.cols + at.column;
#pragma unroll
  for (int k = 0; k < kWidth; ++k)
    to[k] = converted<Sum>(scale * static_cast<double>(sum.value[k]));
}

// The result of a row or a column: the extreme and its index, or, for a part of a long one, both in
// `partial` for extreme_parts_kernel. `index` may be null.
template <class T>
struct ExtremeOut {
  T* y = nullptr;
  i64* index = nullptr;
  Best<Compute<T>>* partial = nullptr;
  Compute<T> sign = 1;  // the minimum is the maximum of −x

  __device__ void put(i64 at, const Best<Compute<T>>& best) const {
    if (partial != nullptr) {
      partial[at] = best;
      return;
    }
    y[at] = static_cast<T>(sign * best.value);
    if (index != nullptr) index[at] = best.index;
  }
};

// Better is a total order, so the parts and the width change no bit of the result.
template <class T, bool kBlock, int kWidth>
__global__ void __launch_bounds__(kThreads)
    extreme_rows_kernel(ExtremeOut<T> out, const T* x, i64 rows, i64 cols, i64 parts) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 at = Team::row();
  if (at >= rows * parts) return;
  const Division row = divide(at, parts);
  const i64 begin = row.remainder * kElementsPerPart,
            end = row.remainder == parts - 1 ? cols : begin + kElementsPerPart;
  Best<C> best{-INFINITY, cols};  // index `cols` loses to every element, also to −∞
#pragma unroll 2
  for (i64 c = begin + Team::rank() * kWidth; c < end; c += Team::kSize * kWidth) {
    const auto group = load_group<kWidth>(x + row.quotient * cols + c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k)
      best = Better{}(best, Best<C>{out.sign * group.value[k], c + k});
  }
  best = Team::combine(best, Better{});
  if (Team::rank() == 0) out.put(at, best);
}

// Each iteration reduces a run of one column. Neighbouring threads read neighbouring elements.
template <class T>
__global__ void __launch_bounds__(kThreads)
    extreme_columns_kernel(ExtremeOut<T> out, const T* x, i64 matrices, ColumnRuns runs) {
  using C = Compute<T>;
  for (i64 i = first_index(); i < matrices * runs.runs * runs.cols; i += grid_stride()) {
    const Division at = divide(i, runs.cols), matrix = divide(at.quotient, runs.runs);
    const T* column = x + matrix.quotient * runs.rows * runs.cols + at.remainder;
    const i64 begin = runs.begin(matrix.remainder);
    Best<C> best{out.sign * static_cast<C>(column[begin * runs.cols]), begin};
    for (i64 k = begin + 1; k < runs.end(matrix.remainder); ++k)
      best = Better{}(best, Best<C>{out.sign * static_cast<C>(column[k * runs.cols]), k});
    out.put(i, best);
  }
}

// Combines partial (outer, parts, inner). A warp reduces the parts of one result, or a thread if
// they are few.
template <class T, bool kWarpEach>
__global__ void __launch_bounds__(kThreads)
    extreme_parts_kernel(ExtremeOut<T> out, const Best<Compute<T>>* partial, i64 outer, i64 parts,
                         i64 inner) {
  using Team = RowTeam<false>;
  const i64 i = kWarpEach ? Team::row() : first_index();
  if (i >= outer * inner) return;
  const Division at = divide(i, inner);
  const auto* own = partial + at.quotient * parts * inner + at.remainder;
  auto best = own[0];
  for (i64 p = kWarpEach ? Team::rank() : 1; p < parts; p += kWarpEach ? Team::kSize : 1)
    best = Better{}(best, own[p * inner]);
  if constexpr (kWarpEach) best = Team::combine(best, Better{});
  if (!kWarpEach || Team::rank() == 0) out.put(i, best);
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

template <bool kSquares, class To, class From>
void sum(Cuda device, To* y, const From* x, double scale, const ReduceShape& s) {
  using Total = Accumulate<From>;
  if (s.outer * s.inner == 0) return;
  if (s.inner == 1) {
    const i64 parts = divide_up(s.n, kElementsPerPart);
    if (parts <= 1) {
      return with_row_team<From>(
          s.n,
          [&]<bool kBlock, int kWidth>() {
            launch<sum_rows_kernel<From, To, kSquares, kBlock, kWidth>>(
                on(device, blocks_for_rows(kBlock, s.outer)), y, x, scale, s.outer, s.n, i64{1});
          },
          x);
    }
    const Scratch<Total> partial(device, s.outer * parts);
    with_row_width<From>(
        s.n,
        [&]<int kWidth>() {
          launch<sum_rows_kernel<From, Total, kSquares, true, kWidth>>(
              on(device, blocks_for_rows(true, s.outer * parts)), partial.data(), x, 1.0, s.outer,
              s.n, parts);
        },
        x);
    launch<sum_rows_kernel<Total, To, false, true, 1>>(on(device, blocks_for_rows(true, s.outer)),
                                                       y, static_cast<const Total*>(partial.data()),
                                                       scale, s.outer, parts, i64{1});
    return;
  }
  const ColumnRuns runs = column_runs(s.n, s.inner, s.outer);
  const auto sum = [&]<bool kSquare, class Y, class X>(Y* to, const X* from, double by,
                                                       const ColumnRuns& r) {
    with_column_width<X>(
        r.cols,
        [&]<int kWidth>() {
          launch<sum_columns_kernel<X, Y, kSquare, kWidth>>(
              on(device, blocks_for_columns<kWidth>(r, s.outer)), to, from, by, r);
        },
        from);
  };
  if (runs.runs == 1) return sum.template operator()<kSquares>(y, x, scale, runs);
  const Scratch<Total> partial(device, s.outer * runs.runs * s.inner);
  sum.template operator()<kSquares>(partial.data(), x, 1.0, runs);
  sum.template operator()<false>(y, static_cast<const Total*>(partial.data()), scale,
                                 ColumnRuns{runs.runs, s.inner, runs.runs, 1});
}

template <class T>
void extreme(Cuda device, Extreme which, T* y, i64* index, const T* x, const ReduceShape& s) {
  if (s.outer * s.inner == 0) return;
  const ExtremeOut<T> out{
      .y = y, .index = index, .sign = which == Extreme::max ? Compute<T>(1) : Compute<T>(-1)};
  const auto reduce = [&](ExtremeOut<T> to, i64 parts, const ColumnRuns& runs) {
    if (s.inner > 1) {
      launch<extreme_columns_kernel<T>>(on(device, blocks_for(s.outer * runs.runs * s.inner)), to,
                                        x, s.outer, runs);
      return;
    }
    with_row_team<T>(
        s.n,
        [&]<bool kBlock, int kWidth>() {
          launch<extreme_rows_kernel<T, kBlock, kWidth>>(
              on(device, blocks_for_rows(kBlock, s.outer * parts)), to, x, s.outer, s.n, parts);
        },
        x);
  };
  const ColumnRuns runs = column_runs(s.n, s.inner, s.outer);
  const i64 parts = s.inner > 1 ? runs.runs : divide_up(s.n, kElementsPerPart);
  if (parts == 1) return reduce(out, 1, runs);
  const Scratch<Best<Compute<T>>> partial(device, s.outer * parts * s.inner);
  reduce({.partial = partial.data(), .sign = out.sign}, parts, runs);
  const Best<Compute<T>>* all = partial.data();
  const i64 results = s.outer * s.inner;
  if (parts >= kWarp)
    return launch<extreme_parts_kernel<T, true>>(on(device, blocks_for_rows(false, results)), out,
                                                 all, s.outer, parts, s.inner);
  launch<extreme_parts_kernel<T, false>>(on(device, static_cast<u32>(divide_up(results, kThreads))),
                                         out, all, s.outer, parts, s.inner);
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

#define WEFT_REDUCE_SUM(To, From)                                                              \
  template <>                                                                                  \
  void reduce_sum(Cuda device, To* y, const From* x, double scale, const ReduceShape& shape) { \
    sum<false>(device, y, x, scale, shape);                                                    \
  }
WEFT_REDUCE_SUM(float, float)
WEFT_REDUCE_SUM(double, float)
WEFT_REDUCE_SUM(float, double)
WEFT_REDUCE_SUM(double, double)
WEFT_REDUCE_SUM(half, half)
WEFT_REDUCE_SUM(bfloat16, bfloat16)

#define WEFT_REDUCE_SQUARES(From)                                          \
  template <>                                                              \
  void reduce_squares(Cuda device, double* y, const From* x, double scale, \
                      const ReduceShape& shape) {                          \
    sum<true>(device, y, x, scale, shape);                                 \
  }
WEFT_REDUCE_SQUARES(float)
WEFT_REDUCE_SQUARES(double)

#define WEFT_REDUCE(T)                                                                 \
  template <>                                                                          \
  void reduce_extreme(Cuda device, Extreme which, T* y, i64* index, const T* x,        \
                      const ReduceShape& shape) {                                      \
    extreme(device, which, y, index, x, shape);                                        \
  }                                                                                    \
  template <>                                                                          \
  void repeat(Cuda device, T* y, const T* x, double scale, const ReduceShape& shape) { \
    spread(device, y, x, scale, shape);                                                \
  }
WEFT_REDUCE(float)
WEFT_REDUCE(double)
WEFT_REDUCE(half)
WEFT_REDUCE(bfloat16)

}  // namespace weft::kernels
