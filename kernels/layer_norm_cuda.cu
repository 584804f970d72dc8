// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "weft/kernels/common/columns.h"
#include "weft/kernels/layer_norm.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

// A row of the usual sizes is read once: it stays in registers between mean, variance and result.
template <class T, bool kBlock, int kWidth>
__global__ void __launch_bounds__(kThreads)
    layer_norm_forward_kernel(T* y, T* mean, T* rstd, const T* x, const T* w, const T* b,
                              Compute<T> eps, i64 rows, i64 cols) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row();
  if (row >= rows) return;
  using Values = Group<C, kWidth>;
  const auto load = [=](i64 c) { return load_group<kWidth>(x + row * cols + c); };
  const RowCache<C, Team, kWidth> values(cols, load);
  C sum = 0, squares = 0;
  values.each(load, [&](i64, const Values& group) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sum += group.value[k];
  });
  const C m = Team::sum(sum) / static_cast<C>(cols);
  values.each(load, [&](i64, const Values& group) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) squares += (group.value[k] - m) * (group.value[k] - m);
  });
  const C s = C(1) / std::sqrt(Team::sum(squares) / static_cast<C>(cols) + eps);
  values.each(load, [&](i64 c, Values group) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) group.value[k] = (group.value[k] - m) * s;
    if (w != nullptr) {
      const Values scale = load_group<kWidth>(w + c), shift = load_group<kWidth>(b + c);
#pragma unroll
      for (int k = 0; k < kWidth; ++k)
        group.value[k] = group.value[k] * scale.value[k] + shift.value[k];
    }
    store_group(y + row * cols + c, group);
  });
  if (Team::rank() == 0) {
    mean[row] = static_cast<T>(m);
    rstd[row] = static_cast<T>(s);
  }
}

template <class T, bool kBlock, int kWidth>
__global__ void __launch_bounds__(kThreads)
    layer_norm_input_kernel(T* dx, const T* dy, const T* x, const T* w, const T* mean,
                            const T* rstd, i64 rows, i64 cols) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row();
  if (row >= rows) return;
  const C m = static_cast<C>(mean[row]), s = static_cast<C>(rstd[row]), n = static_cast<C>(cols);
  using Values = Group<C, kWidth>;
  const auto load = [=](i64 c) {  // g, the gradient of x̂
    Values grad = load_group<kWidth>(dy + row * cols + c);
    if (w == nullptr) return grad;
    const Values scale = load_group<kWidth>(w + c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) grad.value[k] *= scale.value[k];
    return grad;
  };
  const auto load_x = [=](i64 c) { return load_group<kWidth>(x + row * cols + c); };
  const RowCache<C, Team, kWidth> values(cols, load);
  TwoSums<C> sums{0, 0};
  values.each(load, [&](i64 c, const Values& g) {
    const Values x_c = load_x(c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k)
      sums = {sums.first + g.value[k], sums.second + g.value[k] * (x_c.value[k] - m)};
  });
  sums = Team::combine(sums, AddTwoSums{});
  const C mean_g = sums.first / n, pull = sums.second * s / n;
  values.each(load, [&](i64 c, Values g) {
    const Values x_c = load_x(c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k)
      g.value[k] = s * (g.value[k] - mean_g - (x_c.value[k] - m) * s * pull);
    store_group(dx + row * cols + c, g);
  });
}

// Per column Σ dy·x̂ and Σ dy over each run of rows.
template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    layer_norm_sums_kernel(TwoSums<Compute<T>>* partial, const T* dy, const T* x, const T* mean,
                           const T* rstd, ColumnRuns runs) {
  using C = Compute<T>;
  const ColumnBlock at = column_block<kWidth>(runs);
  Group<TwoSums<C>, kWidth> sums{};
  if (at.column < runs.cols) {
#pragma unroll 2
    for (i64 r = runs.begin(at.run) + at.warp; r < runs.end(at.run); r += kColumnWarps) {
      const auto grad = load_group<kWidth>(dy + r * runs.cols + at.column);
      const auto x_r = load_group<kWidth>(x + r * runs.cols + at.column);
      const C m = static_cast<C>(mean[r]), s = static_cast<C>(rstd[r]);
#pragma unroll
      for (int k = 0; k < kWidth; ++k)
        sums.value[k] = {sums.value[k].first + grad.value[k] * (x_r.value[k] - m) * s,
                         sums.value[k].second + grad.value[k]};
    }
  }
  sums = combine_warps(sums, EachOf<AddTwoSums>{});
  if (at.warp != 0 || at.column >= runs.cols) return;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) partial[at.run * runs.cols + at.column + k] = sums.value[k];
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
  with_row_team<T>(
      cols,
      [&]<bool kBlock, int kWidth>() {
        launch<layer_norm_forward_kernel<T, kBlock, kWidth>>(
            on(device, blocks_for_rows(kBlock, rows)), y, mean, rstd, x, w, b,
            static_cast<Compute<T>>(eps), rows, cols);
      },
      y, x, w, b);
}

template <class T>
void layer_norm_backward(Cuda device, T* dx, T* dw, T* db, const T* dy, const T* x, const T* w,
                         const T* mean, const T* rstd, i64 rows, i64 cols) {
  if (cols == 0) return;
  if (dx != nullptr && rows > 0) {
    with_row_team<T>(
        cols,
        [&]<bool kBlock, int kWidth>() {
          launch<layer_norm_input_kernel<T, kBlock, kWidth>>(
              on(device, blocks_for_rows(kBlock, rows)), dx, dy, x, w, mean, rstd, rows, cols);
        },
        dx, dy, x, w);
  }
  if (dw == nullptr && db == nullptr) return;
  using Sums = TwoSums<Compute<T>>;
  const ColumnRuns runs = column_runs(rows, cols);
  const Scratch<Sums> partial(device, runs.runs * cols);
  with_column_width<T>(
      cols,
      [&]<int kWidth>() {
        launch<layer_norm_sums_kernel<T, kWidth>>(on(device, blocks_for_columns<kWidth>(runs)),
                                                  partial.data(), dy, x, mean, rstd, runs);
      },
      dy, x);
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
