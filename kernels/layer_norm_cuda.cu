// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "weft/kernels/columns.h"
#include "weft/kernels/layer_norm.h"
#include "weft/kernels/scratch.h"

namespace weft::kernels {
namespace {

// A row of the usual sizes is read once: it stays in registers between mean, variance and result.
template <class T, bool kBlock>
__global__ void __launch_bounds__(kThreads)
    layer_norm_forward_kernel(T* y, T* mean, T* rstd, const T* x, const T* w, const T* b,
                              Compute<T> eps, i64 rows, i64 cols) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row();
  if (row >= rows) return;
  const auto load = [=](i64 c) { return static_cast<C>(x[row * cols + c]); };
  const RowCache<C, Team> values(cols, load);
  C sum = 0, squares = 0;
  values.each(load, [&](i64, C value) { sum += value; });
  const C m = Team::sum(sum) / static_cast<C>(cols);
  values.each(load, [&](i64, C value) { squares += (value - m) * (value - m); });
  const C s = C(1) / std::sqrt(Team::sum(squares) / static_cast<C>(cols) + eps);
  values.each(load, [&](i64 c, C value) {
    const C centred = (value - m) * s;
    y[row * cols + c] = static_cast<T>(
        w != nullptr ? centred * static_cast<C>(w[c]) + static_cast<C>(b[c]) : centred);
  });
  if (Team::rank() == 0) {
    mean[row] = static_cast<T>(m);
    rstd[row] = static_cast<T>(s);
  }
}

template <class T, bool kBlock>
__global__ void __launch_bounds__(kThreads)
    layer_norm_input_kernel(T* dx, const T* dy, const T* x, const T* w, const T* mean,
                            const T* rstd, i64 rows, i64 cols) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row();
  if (row >= rows) return;
  const C m = static_cast<C>(mean[row]), s = static_cast<C>(rstd[row]), n = static_cast<C>(cols);
  const auto load = [=](i64 c) {  // g, the gradient of x̂
    const C grad = static_cast<C>(dy[row * cols + c]);
    return w != nullptr ? grad * static_cast<C>(w[c]) : grad;
  };
  const auto centred = [=](i64 c) { return static_cast<C>(x[row * cols + c]) - m; };
  const RowCache<C, Team> values(cols, load);
  TwoSums<C> sums{0, 0};
  values.each(load, [&](i64 c, C g) { sums = {sums.first + g, sums.second + g * centred(c)}; });
  sums = Team::combine(sums, AddTwoSums{});
  const C mean_g = sums.first / n, pull = sums.second * s / n;
  values.each(load, [&](i64 c, C g) {
    dx[row * cols + c] = static_cast<T>(s * (g - mean_g - centred(c) * s * pull));
  });
}

// Per column Σ dy·x̂ and Σ dy over each run of rows.
template <class T>
__global__ void __launch_bounds__(kThreads)
    layer_norm_sums_kernel(TwoSums<Compute<T>>* partial, const T* dy, const T* x, const T* mean,
                           const T* rstd, ColumnRuns runs) {
  using C = Compute<T>;
  const ColumnBlock at = column_block(runs);
  TwoSums<C> sums{0, 0};
  if (at.column < runs.cols) {
#pragma unroll 2
    for (i64 r = runs.begin(at.run) + at.warp; r < runs.end(at.run); r += kColumnWarps) {
      const C grad = static_cast<C>(dy[r * runs.cols + at.column]);
      const C centred = static_cast<C>(x[r * runs.cols + at.column]) - static_cast<C>(mean[r]);
      sums = {sums.first + grad * centred * static_cast<C>(rstd[r]), sums.second + grad};
    }
  }
  sums = combine_warps(sums, AddTwoSums{});
  if (at.warp == 0 && at.column < runs.cols) partial[at.run * runs.cols + at.column] = sums;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    layer_norm_parameters_kernel(T* dw, T* db, const TwoSums<Compute<T>>* partial, i64 runs,
                                 i64 cols) {
  const ColumnRuns all{runs, cols, runs, 1};
  const ColumnBlock at = column_block(all);
  TwoSums<Compute<T>> sums{0, 0};
  if (at.column < cols)
    for (i64 run = at.warp; run < runs; run += kColumnWarps)
      sums = AddTwoSums{}(sums, partial[run * cols + at.column]);
  sums = combine_warps(sums, AddTwoSums{});
  if (at.warp != 0 || at.column >= cols) return;
  if (dw != nullptr) dw[at.column] = static_cast<T>(sums.first);
  if (db != nullptr) db[at.column] = static_cast<T>(sums.second);
}

}  // namespace

template <class T>
void layer_norm_forward(Cuda device, T* y, T* mean, T* rstd, const T* x, const T* w, const T* b,
                        double eps, i64 rows, i64 cols) {
  if (rows == 0) return;
  with_team(cols, [&]<bool kBlock>() {
    launch<layer_norm_forward_kernel<T, kBlock>>(on(device, blocks_for_rows(kBlock, rows)), y, mean,
                                                 rstd, x, w, b, static_cast<Compute<T>>(eps), rows,
                                                 cols);
  });
}

template <class T>
void layer_norm_backward(Cuda device, T* dx, T* dw, T* db, const T* dy, const T* x, const T* w,
                         const T* mean, const T* rstd, i64 rows, i64 cols) {
  if (cols == 0) return;
  if (dx != nullptr && rows > 0) {
    with_team(cols, [&]<bool kBlock>() {
      launch<layer_norm_input_kernel<T, kBlock>>(on(device, blocks_for_rows(kBlock, rows)), dx, dy,
                                                 x, w, mean, rstd, rows, cols);
    });
  }
  if (dw == nullptr && db == nullptr) return;
  using Sums = TwoSums<Compute<T>>;
  const ColumnRuns runs = column_runs(rows, cols);
  const Scratch<Sums> partial(device, runs.runs * cols);
  launch<layer_norm_sums_kernel<T>>(on(device, blocks_for_columns(runs)), partial.data(), dy, x,
                                    mean, rstd, runs);
  launch<layer_norm_parameters_kernel<T>>(on(device, static_cast<u32>(divide_up(cols, kWarp))), dw,
                                          db, static_cast<const Sums*>(partial.data()), runs.runs,
                                          cols);
}

#define WEFT_LAYER_NORM(T)                                                                      \
  template void layer_norm_forward(Cuda, T*, T*, T*, const T*, const T*, const T*, double, i64, \
                                   i64);                                                        \
  template void layer_norm_backward(Cuda, T*, T*, T*, const T*, const T*, const T*, const T*,   \
                                    const T*, i64, i64);
WEFT_LAYER_NORM(float)
WEFT_LAYER_NORM(double)
WEFT_LAYER_NORM(half)
WEFT_LAYER_NORM(bfloat16)

}  // namespace weft::kernels
