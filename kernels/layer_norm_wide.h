// SPDX-License-Identifier: Apache-2.0
// Layer norm of a few wide rows on a GPU (Note [Wide rows]), and the formulas that it shares with
// the kernels of layer_norm_cuda.cu. For a .cu.
#pragma once
#include <cmath>

#include "weft/kernels/common/columns.h"
#include "weft/kernels/common/scratch.h"
#include "weft/kernels/common/wide_rows.h"
#include "weft/kernels/layer_norm.h"

namespace weft::kernels {

template <class T, class C, int kWidth>
__device__ void scale_and_shift(Group<C, kWidth>& group, const T* w, const T* b) {
  const auto scale = load_group<kWidth>(w), shift = load_group<kWidth>(b);
#pragma unroll
  for (int k = 0; k < kWidth; ++k)
    group.value[k] = group.value[k] * scale.value[k] + shift.value[k];
}

// g, the gradient of x̂. `w` may be null.
template <int kWidth, class T>
__device__ Group<Compute<T>, kWidth> scaled_gradient(const T* dy_row, const T* w, i64 c) {
  auto grad = load_group<kWidth>(dy_row + c);
  if (w == nullptr) return grad;
  const auto scale = load_group<kWidth>(w + c);
#pragma unroll
  for (int k = 0; k < kWidth; ++k) grad.value[k] *= scale.value[k];
  return grad;
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    layer_norm_sum_part_kernel(double* sums, Rows<const T> x, RowParts parts) {
  double sum = 0;
  parts.each<kWidth>([&](i64 c) {
    const auto group = load_group<kWidth>(x.row(parts.row()) + c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sum += static_cast<double>(group.value[k]);
  });
  sum = block_combine(sum, Plus{});
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    layer_norm_squares_part_kernel(double* squares, const double* sums, Rows<const T> x,
                                   RowParts parts) {
  const double mean = parts.combined(sums, 0.0, Plus{}) / static_cast<double>(x.cols);
  double sum = 0;
  parts.each<kWidth>([&](i64 c) {
    const auto group = load_group<kWidth>(x.row(parts.row()) + c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const double apart = static_cast<double>(group.value[k]) - mean;
      sum += apart * apart;
    }
  });
  sum = block_combine(sum, Plus{});
  if (threadIdx.x == 0) squares[blockIdx.x] = sum;
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    layer_norm_wide_kernel(Rows<T> y, RowStatistics<T> saved, Rows<const T> x,
                           LayerNormParameters<T> parameters, double eps, const double* sums,
                           const double* squares, RowParts parts) {
  using C = Compute<T>;
  const double n = static_cast<double>(x.cols);
  const double mean = parts.combined(sums, 0.0, Plus{}) / n;
  const RowCentre<C> m(mean);
  const C s = static_cast<C>(1.0 / std::sqrt(parts.combined(squares, 0.0, Plus{}) / n + eps));
  const i64 row = parts.row();
  parts.each<kWidth>([&](i64 c) {
    auto group = load_group<kWidth>(x.row(row) + c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) group.value[k] = m.centred(group.value[k]) * s;
    if (parameters.weight != nullptr)
      scale_and_shift(group, parameters.weight + c, parameters.bias + c);
    store_group(y.row(row) + c, group);
  });
  if (threadIdx.x == 0 && parts.part() == 0) {
    saved.mean[row] = mean;
    saved.rstd[row] = static_cast<T>(s);
  }
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    layer_norm_input_part_kernel(TwoSums<double>* partial, Rows<const T> dy, Rows<const T> x,
                                 const T* w, RowStatistics<const T> saved, RowParts parts) {
  using C = Compute<T>;
  const i64 row = parts.row();
  const RowCentre<C> m(saved.mean[row]);
  const C s = static_cast<C>(saved.rstd[row]);
  TwoSums<double> sums{0, 0};
  parts.each<kWidth>([&](i64 c) {
    const auto g = scaled_gradient<kWidth>(dy.row(row), w, c);
    const auto x_c = load_group<kWidth>(x.row(row) + c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k)
      sums = {sums.first + static_cast<double>(g.value[k]),
              sums.second + static_cast<double>(g.value[k] * (m.centred(x_c.value[k]) * s))};
  });
  sums = block_combine(sums, AddTwoSums{});
  if (threadIdx.x == 0) partial[blockIdx.x] = sums;
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    layer_norm_input_wide_kernel(T* dx, Rows<const T> dy, Rows<const T> x, const T* w,
                                 RowStatistics<const T> saved, const TwoSums<double>* partial,
                                 RowParts parts) {
  using C = Compute<T>;
  const i64 row = parts.row();
  const RowCentre<C> m(saved.mean[row]);
  const C s = static_cast<C>(saved.rstd[row]);
  const double n = static_cast<double>(x.cols);
  const auto sums = parts.combined(partial, TwoSums<double>{0, 0}, AddTwoSums{});
  const C mean_g = static_cast<C>(sums.first / n), mean_g_x = static_cast<C>(sums.second / n);
  parts.each<kWidth>([&](i64 c) {
    auto g = scaled_gradient<kWidth>(dy.row(row), w, c);
    const auto x_c = load_group<kWidth>(x.row(row) + c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k)
      g.value[k] = s * (g.value[k] - mean_g - m.centred(x_c.value[k]) * s * mean_g_x);
    store_group(dx + row * x.cols + c, g);
  });
}

template <class T>
void layer_norm_forward_wide(Cuda device, Rows<T> y, RowStatistics<T> saved, Rows<const T> x,
                             const LayerNormParameters<T>& parameters, double eps,
                             const RowParts& parts) {
  const u32 blocks = static_cast<u32>(x.rows * parts.parts);
  const Scratch<double> sums(device, blocks), squares(device, blocks);
  const double *all_sums = sums.data(), *all_squares = squares.data();
  with_row_width<T>(
      x.cols,
      [&]<int kWidth>() {
        launch<layer_norm_sum_part_kernel<T, kWidth>>(on(device, blocks), sums.data(), x, parts);
        launch<layer_norm_squares_part_kernel<T, kWidth>>(on(device, blocks), squares.data(),
                                                          all_sums, x, parts);
        launch<layer_norm_wide_kernel<T, kWidth>>(on(device, blocks), y, saved, x, parameters, eps,
                                                  all_sums, all_squares, parts);
      },
      y.data, x.data, parameters.weight, parameters.bias);
}

template <class T>
void layer_norm_input_wide(Cuda device, T* dx, Rows<const T> dy, Rows<const T> x, const T* weight,
                           RowStatistics<const T> saved, const RowParts& parts) {
  const u32 blocks = static_cast<u32>(x.rows * parts.parts);
  const Scratch<TwoSums<double>> partial(device, blocks);
  const TwoSums<double>* all = partial.data();
  with_row_width<T>(
      x.cols,
      [&]<int kWidth>() {
        launch<layer_norm_input_part_kernel<T, kWidth>>(on(device, blocks), partial.data(), dy, x,
                                                        weight, saved, parts);
        launch<layer_norm_input_wide_kernel<T, kWidth>>(on(device, blocks), dx, dy, x, weight,
                                                        saved, all, parts);
      },
      dx, dy.data, x.data, weight);
}

}  // namespace weft::kernels
