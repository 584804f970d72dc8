// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/batch_norm.h"
#include "weft/kernels/batch_norm_grid.h"
#include "weft/kernels/common/columns.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    batch_norm_kernel(T* y, const T* x, const T* residual, BatchNormParameters<T> parameters,
                      bool relu, RowGrid grid) {
  using C = Compute<T>;
  const RowWalk walk = row_walk<kWidth>(grid);
  if (walk.channel >= grid.channels) return;
  NormChannel<C> channel[kWidth];
#pragma unroll
  for (int k = 0; k < kWidth; ++k) channel[k] = channel_of(parameters, walk.channel + k);
  for (i64 r = walk.row; r < grid.rows; r += walk.step) {
    const i64 at = r * grid.channels + walk.channel;
    const auto in = few_at<kWidth>(x, at);
    Few<T, kWidth> add{}, out;
    if (residual != nullptr) add = few_at<kWidth>(residual, at);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const NormChannel<C>& c = channel[k];
      C value = c.centred(static_cast<C>(in.value[k])) * c.scale + c.beta;
      if (residual != nullptr) value += static_cast<C>(add.value[k]);
      out.value[k] = static_cast<T>(relu && value < C(0) ? C(0) : value);
    }
    put_few(y, at, out);
  }
}

// The source of the relu's mask. dz is dy where the output of the relu is positive, otherwise 0.
enum class Mask { none, from_y, from_x };

// The arrays from which dz is computed.
template <class T>
struct Gradient {
  const T *dy, *x, *y;
  Mask mask;

  // The values of kWidth neighbouring channels.
  template <int kWidth>
  struct Part {
    Few<T, kWidth> dy, x, y;  // x and y are loaded only if dz needs them
  };
  template <int kWidth>
  __device__ Part<kWidth> part(i64 at, bool wants_x) const {
    Part<kWidth> part{few_at<kWidth>(dy, at), {}, {}};
    if (wants_x) part.x = few_at<kWidth>(x, at);
    if (mask == Mask::from_y) part.y = few_at<kWidth>(y, at);
    return part;
  }
  __device__ Compute<T> dz(T grad, T out, Compute<T> x_centred,
                           const NormChannel<Compute<T>>& c) const {
    using C = Compute<T>;
    const bool stops = mask == Mask::from_y   ? static_cast<C>(out) <= C(0)
                       : mask == Mask::from_x ? x_centred * c.scale + c.beta <= C(0)
                                              : false;
    return stops ? C(0) : static_cast<C>(grad);
  }
};

// Computes Σ dz and Σ dz·(x − mean) over each run of rows. Writes dresidual, which may be dy.
template <class T>
__global__ void __launch_bounds__(kThreads)
    gradient_sums_kernel(TwoSums<double>* partial, T* dresidual, Gradient<T> rows,
                         BatchNormParameters<T> parameters, ColumnRuns runs) {
  using C = Compute<T>;
  const ColumnBlock at = column_block(runs);
  TwoSums<double> sums{0, 0};
  if (at.column < runs.cols) {
    const NormChannel<C> channel = channel_of(parameters, at.column);
#pragma unroll 2
    for (i64 r = runs.begin(at.run) + at.warp; r < runs.end(at.run); r += kColumnWarps) {
      const i64 i = r * runs.cols + at.column;
      const auto part = rows.template part<1>(i, true);
      const C centred = channel.centred(static_cast<C>(part.x.value[0]));
      const C dz = rows.dz(part.dy.value[0], part.y.value[0], centred, channel);
      if (dresidual != nullptr) dresidual[i] = static_cast<T>(dz);
      sums = {sums.first + static_cast<double>(dz),
              sums.second + static_cast<double>(dz * centred)};
    }
  }
  sums = combine_warps(sums, AddTwoSums{});
  if (at.warp == 0 && at.column < runs.cols) partial[at.run * runs.cols + at.column] = sums;
}

// The results of the sums of each channel. Null ones are not written.
template <class T>
struct Totals {
  T *dgamma, *dbeta;
  NormGradientTerms<Compute<T>>* terms;
  double* sums;  // Σ dz, Σ dz·(x − mean) and rows
};
template <class T>
__global__ void __launch_bounds__(kThreads)
    gradient_totals_kernel(Totals<T> out, Rows<const TwoSums<double>> partial,
                           const double* inv_std, i64 rows) {
  using C = Compute<T>;
  const i64 runs = partial.rows, channels = partial.cols;
  const ColumnBlock at = column_block({runs, channels, runs, 1});
  const i64 c = at.column;
  TwoSums<double> sums{0, 0};
  if (c < channels)
    for (i64 run = at.warp; run < runs; run += kColumnWarps)
      sums = AddTwoSums{}(sums, partial(run, c));
  sums = combine_warps(sums, AddTwoSums{});
  if (at.warp != 0 || c >= channels) return;
  if (out.dbeta != nullptr) out.dbeta[c] = static_cast<T>(static_cast<C>(sums.first));
  if (out.dgamma != nullptr)
    out.dgamma[c] = static_cast<T>(static_cast<C>(sums.second * inv_std[c]));
  if (out.terms != nullptr) out.terms[c] = terms_of<C>(sums, static_cast<double>(rows), inv_std[c]);
  if (out.sums == nullptr) return;
  out.sums[c] = sums.first;
  out.sums[channels + c] = sums.second;
  if (c == 0) out.sums[2 * channels] = static_cast<double>(rows);
}

// dx may be rows.dy.
template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    input_gradient_kernel(T* dx, Gradient<T> rows, BatchNormParameters<T> parameters,
                          const NormGradientTerms<Compute<T>>* channel_terms,
                          bool constant_statistics, RowGrid grid) {
  using C = Compute<T>;
  const RowWalk walk = row_walk<kWidth>(grid);
  if (walk.channel >= grid.channels) return;
  NormChannel<C> channel[kWidth];
  NormGradientTerms<C> terms[kWidth];
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    channel[k] = channel_of(parameters, walk.channel + k);
    terms[k] = constant_statistics ? NormGradientTerms<C>{0, 0} : channel_terms[walk.channel + k];
  }
  // x is not needed if the statistics are constant and the mask does not depend on x.
  const bool wants_x = !constant_statistics || rows.mask == Mask::from_x;
#pragma unroll 2
  for (i64 r = walk.row; r < grid.rows; r += walk.step) {
    const i64 at = r * grid.channels + walk.channel;
    const auto part = rows.template part<kWidth>(at, wants_x);
    Few<T, kWidth> out;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const NormChannel<C>& c = channel[k];
      const C centred = wants_x ? c.centred(static_cast<C>(part.x.value[k])) : C(0);
      const C dz = rows.dz(part.dy.value[k], part.y.value[k], centred, c);
      out.value[k] = static_cast<T>(c.scale * (dz - terms[k].dz_mean - centred * terms[k].slope));
    }
    put_few(dx, at, out);
  }
}

template <class T>
void forward(Cuda device, Rows<T> y, Rows<const T> x, const T* residual,
             const BatchNormParameters<T>& parameters, bool relu) {
  if (x.size() == 0) return;
  with_channel_width<T>(
      x.cols,
      [&]<int kWidth>() {
        const RowGrid grid = row_grid<kWidth>(x.rows, x.cols);
        launch<batch_norm_kernel<T, kWidth>>(on(device, blocks_of(grid)), y.data, x.data, residual,
                                             parameters, relu, grid);
      },
      y.data, x.data, residual);
}

template <class T>
Gradient<T> gradient_of(Rows<const T> dy, Rows<const T> x, const T* y, bool relu) {
  return {dy.data, x.data, y, !relu ? Mask::none : (y != nullptr ? Mask::from_y : Mask::from_x)};
}

// Writes the totals, which include dgamma and dbeta, and dresidual. channels > 0.
template <class T>
void sum_gradients(Cuda device, const Totals<T>& out, T* dresidual, const Gradient<T>& gradient,
                   i64 rows, i64 channels, const BatchNormParameters<T>& parameters) {
  const ColumnRuns runs = column_runs(rows, channels);
  const Scratch<TwoSums<double>> partial(device, runs.runs * channels);
  launch<gradient_sums_kernel<T>>(on(device, blocks_for_columns(runs)), partial.data(), dresidual,
                                  gradient, parameters, runs);
  launch<gradient_totals_kernel<T>>(
      on(device, static_cast<u32>(divide_up(channels, kWarp))), out,
      Rows<const TwoSums<double>>{partial.data(), runs.runs, channels}, parameters.inv_std, rows);
}

// `terms` is read unless the statistics are constant.
template <class T>
void write_dx(Cuda device, const BatchNormGradients<T>& out, Gradient<T> gradient, i64 rows,
              i64 channels, const BatchNormParameters<T>& parameters,
              const NormGradientTerms<Compute<T>>* terms, bool constant_statistics) {
  if (out.dresidual != nullptr)  // it is already masked
    gradient = {out.dresidual, gradient.x, gradient.y, Mask::none};
  with_channel_width<T>(
      channels,
      [&]<int kWidth>() {
        const RowGrid grid = row_grid<kWidth>(rows, channels);
        launch<input_gradient_kernel<T, kWidth>>(on(device, blocks_of(grid)), out.dx, gradient,
                                                 parameters, terms, constant_statistics, grid);
      },
      out.dx, gradient.dy, gradient.x, gradient.y);
}

template <class T>
void backward(Cuda device, const BatchNormGradients<T>& out, Rows<const T> dy, Rows<const T> x,
              const T* y, const BatchNormParameters<T>& parameters, BatchNormMode mode) {
  const i64 channels = x.cols;
  if (channels == 0) return;
  const Gradient<T> gradient = gradient_of(dy, x, y, mode.relu);
  const Scratch<NormGradientTerms<Compute<T>>> terms(device, channels);
  if (!mode.constant_statistics || out.dgamma != nullptr || out.dbeta != nullptr ||
      out.dresidual != nullptr)
    sum_gradients(device, Totals<T>{out.dgamma, out.dbeta, terms.data(), nullptr}, out.dresidual,
                  gradient, x.rows, channels, parameters);
  if (out.dx == nullptr || x.rows == 0) return;
  write_dx(device, out, gradient, x.rows, channels, parameters, terms.data(),
           mode.constant_statistics);
}

template <class T>
void backward_sums(Cuda device, double* sums, const BatchNormGradients<T>& out, Rows<const T> dy,
                   Rows<const T> x, const T* y, const BatchNormParameters<T>& parameters,
                   bool relu) {
  if (x.cols == 0) return;
  sum_gradients(device, Totals<T>{out.dgamma, out.dbeta, nullptr, sums}, out.dresidual,
                gradient_of(dy, x, y, relu), x.rows, x.cols, parameters);
}

template <class T>
void backward_dx(Cuda device, const BatchNormGradients<T>& out, const double* sums,
                 Rows<const T> dy, Rows<const T> x, const T* y,
                 const BatchNormParameters<T>& parameters, bool relu) {
  using C = Compute<T>;
  if (x.size() == 0) return;
  const Scratch<NormGradientTerms<C>> terms(device, x.cols);
  launch<gradient_terms_kernel<C>>(on(device, blocks_for(x.cols)), terms.data(), sums,
                                   parameters.inv_std, x.cols, i64{0});
  write_dx(device, out, gradient_of(dy, x, y, relu), x.rows, x.cols, parameters, terms.data(),
           false);
}

}  // namespace

#define WEFT_BATCH_NORM(T)                                                                        \
  template <>                                                                                     \
  void batch_norm(Cuda device, Rows<T> y, Rows<const T> x, const T* residual,                     \
                  const BatchNormParameters<T>& parameters, bool relu) {                          \
    forward(device, y, x, residual, parameters, relu);                                            \
  }                                                                                               \
  template <>                                                                                     \
  void batch_norm_backward(Cuda device, const BatchNormGradients<T>& out, Rows<const T> dy,       \
                           Rows<const T> x, const T* y, const BatchNormParameters<T>& parameters, \
                           BatchNormMode mode) {                                                  \
    backward(device, out, dy, x, y, parameters, mode);                                            \
  }                                                                                               \
  template <>                                                                                     \
  void batch_norm_backward_sums(Cuda device, double* sums, const BatchNormGradients<T>& out,      \
                                Rows<const T> dy, Rows<const T> x, const T* y,                    \
                                const BatchNormParameters<T>& parameters, bool relu) {            \
    backward_sums(device, sums, out, dy, x, y, parameters, relu);                                 \
  }                                                                                               \
  template <>                                                                                     \
  void batch_norm_backward_dx(Cuda device, const BatchNormGradients<T>& out, const double* sums,  \
                              Rows<const T> dy, Rows<const T> x, const T* y,                      \
                              const BatchNormParameters<T>& parameters, bool relu) {              \
    backward_dx(device, out, sums, dy, x, y, parameters, relu);                                   \
  }
WEFT_BATCH_NORM(float)
WEFT_BATCH_NORM(double)
WEFT_BATCH_NORM(half)
WEFT_BATCH_NORM(bfloat16)

}  // namespace weft::kernels
