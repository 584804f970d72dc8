// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "weft/kernels/common/columns.h"
#include "weft/kernels/layer_norm_wide.h"

namespace weft::kernels {
namespace {

// These instances would spill a few registers for one more block.
template <class T, bool kBlock, int kWidth>
[[maybe_unused]] inline constexpr int kForwardBlocks = sizeof(T) != 4           ? 0
                                                       : kBlock&& kWidth > 1    ? kSpillFreeBlocks
                                                       : !kBlock && kWidth == 1 ? 4
                                                                                : 0;

// A row of usual length is read once and stays in registers for the mean, the variance and the
// result.
template <class T, bool kBlock, int kWidth>
__global__ void __launch_bounds__(kThreads, kForwardBlocks<T, kBlock, kWidth>)
    layer_norm_forward_kernel(Rows<T> y, RowStatistics<T> saved, Rows<const T> x,
                              LayerNormParameters<T> parameters, double eps) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row(), cols = x.cols;
  if (row >= x.rows) return;
  const T *x_row = x.row(row), *w = parameters.weight, *b = parameters.bias;
  T* y_row = y.row(row);
  using Values = Group<C, kWidth>;
  const auto load = [=](i64 c) { return load_group<kWidth>(x_row + c); };
  const RowCache<C, Team, kWidth> values(cols, load);
  double sum = 0, squares = 0;
  values.each(load, [&](i64, const Values& group) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sum += static_cast<double>(group.value[k]);
  });
  const double mean = Team::sum(sum) / static_cast<double>(cols);
  values.each(load, [&](i64, const Values& group) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      // The square of a float may leave its range where the result does not.
      const double apart = static_cast<double>(group.value[k]) - mean;
      squares += apart * apart;
    }
  });
  const RowCentre<C> m(mean);
  const C s = static_cast<C>(1.0 / std::sqrt(Team::sum(squares) / static_cast<double>(cols) + eps));
  values.each(load, [&](i64 c, Values group) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) group.value[k] = m.centred(group.value[k]) * s;
    if (w != nullptr) scale_and_shift(group, w + c, b + c);
    store_group(y_row + c, group);
  });
  if (Team::rank() == 0) {
    saved.mean[row] = mean;
    saved.rstd[row] = static_cast<T>(s);
  }
}

template <class T, bool kBlock, int kWidth>
__global__ void __launch_bounds__(kThreads, kWidth == 8 && kBlock ? kSpillFreeBlocks : 0)
    layer_norm_input_kernel(T* dx, Rows<const T> dy, Rows<const T> x, const T* w,
                            RowStatistics<const T> saved) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row(), cols = x.cols;
  if (row >= x.rows) return;
  const T *dy_row = dy.row(row), *x_row = x.row(row);
  T* dx_row = dx + row * cols;
  const RowCentre<C> m(saved.mean[row]);
  const C s = static_cast<C>(saved.rstd[row]);
  const double n = static_cast<double>(cols);
  using Values = Group<C, kWidth>;
  const auto load = [=](i64 c) { return scaled_gradient<kWidth>(dy_row, w, c); };
  const auto load_x = [=](i64 c) { return load_group<kWidth>(x_row + c); };
  const RowCache<C, Team, kWidth> values(cols, load);
  TwoSums<double> sums{0, 0};
  values.each(load, [&](i64 c, const Values& g) {
    const Values x_c = load_x(c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k)
      sums = {sums.first + static_cast<double>(g.value[k]),
              sums.second + static_cast<double>(g.value[k] * (m.centred(x_c.value[k]) * s))};
  });
  sums = Team::combine(sums, AddTwoSums{});
  const C mean_g = static_cast<C>(sums.first / n), mean_g_x = static_cast<C>(sums.second / n);
  values.each(load, [&](i64 c, Values g) {
    const Values x_c = load_x(c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k)
      g.value[k] = s * (g.value[k] - mean_g - m.centred(x_c.value[k]) * s * mean_g_x);
    store_group(dx_row + c, g);
  });
}

// Computes Σ dy·x̂ and Σ dy of each column over each run of rows.
template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    layer_norm_sums_kernel(TwoSums<double>* partial, Rows<const T> dy, Rows<const T> x,
                           RowStatistics<const T> saved, ColumnRuns runs) {
  using C = Compute<T>;
  const ColumnBlock at = column_block<kWidth>(runs);
  Group<TwoSums<double>, kWidth> sums{};
  if (at.column < runs.cols) {
#pragma unroll 2
    for (i64 r = runs.begin(at.run) + at.warp; r < runs.end(at.run); r += kColumnWarps) {
      const auto grad = load_group<kWidth>(dy.row(r) + at.column);
      const auto x_r = load_group<kWidth>(x.row(r) + at.column);
      const RowCentre<C> m(saved.mean[r]);
      const C s = static_cast<C>(saved.rstd[r]);
#pragma unroll
      for (int k = 0; k < kWidth; ++k)
        sums.value[k] = {sums.value[k].first +
                             static_cast<double>(grad.value[k] * (m.centred(x_r.value[k]) * s)),
                         sums.value[k].second + static_cast<double>(grad.value[k])};
    }
  }
  sums = combine_warps(sums, EachOf<AddTwoSums>{});
  if (at.warp != 0 || at.column >= runs.cols) return;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) partial[at.run * runs.cols + at.column + k] = sums.value[k];
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    layer_norm_parameters_kernel(T* dw, T* db, Rows<const TwoSums<double>> partial) {
  const i64 runs = partial.rows, cols = partial.cols;
  const ColumnRuns all{runs, cols, runs, 1};
  const ColumnBlock at = column_block(all);
  TwoSums<double> sums{0, 0};
  if (at.column < cols)
    for (i64 run = at.warp; run < runs; run += kColumnWarps)
      sums = AddTwoSums{}(sums, partial(run, at.column));
  sums = combine_warps(sums, AddTwoSums{});
  if (at.warp != 0 || at.column >= cols) return;
  if (dw != nullptr) dw[at.column] = converted<T>(sums.first);
  if (db != nullptr) db[at.column] = converted<T>(sums.second);
}

template <class T>
void forward(Cuda device, Rows<T> y, RowStatistics<T> saved, Rows<const T> x,
             const LayerNormParameters<T>& parameters, double eps) {
  if (x.rows == 0) return;
  if (const RowParts parts = row_parts(x.rows, x.cols); parts.parts > 1)
    return layer_norm_forward_wide(device, y, saved, x, parameters, eps, parts);
  with_row_team<T>(
      x.cols,
      [&]<bool kBlock, int kWidth>() {
        launch<layer_norm_forward_kernel<T, kBlock, kWidth>>(
            on(device, blocks_for_rows(kBlock, x.rows)), y, saved, x, parameters, eps);
      },
      y.data, x.data, parameters.weight, parameters.bias);
}

template <class T>
void backward(Cuda device, const LayerNormGradients<T>& out, Rows<const T> dy, Rows<const T> x,
              const T* weight, RowStatistics<const T> saved) {
  const i64 rows = x.rows, cols = x.cols;
  if (cols == 0) return;
  if (const RowParts parts = row_parts(rows, cols); out.dx != nullptr && parts.parts > 1) {
    layer_norm_input_wide(device, out.dx, dy, x, weight, saved, parts);
  } else if (out.dx != nullptr && rows > 0) {
    with_row_team<T>(
        cols,
        [&]<bool kBlock, int kWidth>() {
          launch<layer_norm_input_kernel<T, kBlock, kWidth>>(
              on(device, blocks_for_rows(kBlock, rows)), out.dx, dy, x, weight, saved);
        },
        out.dx, dy.data, x.data, weight);
  }
  if (out.dweight == nullptr && out.dbias == nullptr) return;
  using Sums = TwoSums<double>;
  const ColumnRuns runs = column_runs(rows, cols);
  const Scratch<Sums> partial(device, runs.runs * cols);
  with_column_width<T>(
      cols,
      [&]<int kWidth>() {
        launch<layer_norm_sums_kernel<T, kWidth>>(on(device, blocks_for_columns<kWidth>(runs)),
                                                  partial.data(), dy, x, saved, runs);
      },
      dy.data, x.data);
  launch<layer_norm_parameters_kernel<T>>(on(device, static_cast<u32>(divide_up(cols, kWarp))),
                                          out.dweight, out.dbias,
                                          Rows<const Sums>{partial.data(), runs.runs, cols});
}

}  // namespace

#define WEFT_LAYER_NORM(T)                                                                   \
  template <>                                                                                \
  void layer_norm_forward(Cuda device, Rows<T> y, RowStatistics<T> saved, Rows<const T> x,   \
                          const LayerNormParameters<T>& parameters, double eps) {            \
    forward(device, y, saved, x, parameters, eps);                                           \
  }                                                                                          \
  template <>                                                                                \
  void layer_norm_backward(Cuda device, const LayerNormGradients<T>& out, Rows<const T> dy,  \
                           Rows<const T> x, const T* weight, RowStatistics<const T> saved) { \
    backward(device, out, dy, x, weight, saved);                                             \
  }
WEFT_LAYER_NORM(float)
WEFT_LAYER_NORM(double)
WEFT_LAYER_NORM(half)
WEFT_LAYER_NORM(bfloat16)

}  // namespace weft::kernels
