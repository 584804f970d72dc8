// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/batch_norm.h"
#include "weft/kernels/common/columns.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

// What a channel's numbers are multiplied with and shifted by. The mean is split in two, so that
// x − mean keeps its digits when the mean is large.
template <class C>
struct Channel {
  C mean, rest;  // mean + rest
  C scale;       // gamma·inv_std
  C beta;

  __device__ C centred(C x) const { return (x - mean) - rest; }
};
// What the backward pass needs beside it, the same for all rows.
template <class C>
struct Pull {
  C shift;  // Σ dz/rows
  C pull;   // inv_std²·Σ dz·(x − mean)/rows
};

template <class T>
struct Parameters {
  const T *gamma, *beta;
  const double *mean, *inv_std;

  __device__ Channel<Compute<T>> channel(i64 c) const {
    using C = Compute<T>;
    const C m = static_cast<C>(mean[c]);
    const double g = gamma != nullptr ? static_cast<double>(static_cast<C>(gamma[c])) : 1.0;
    return {m, static_cast<C>(mean[c] - static_cast<double>(m)), static_cast<C>(g * inv_std[c]),
            beta != nullptr ? static_cast<C>(beta[c]) : C(0)};
  }
};

// Threads over (rows, channels): a thread keeps its kWidth channels and walks down the rows.
struct RowGrid {
  i64 rows = 0, channels = 0;
  i64 groups = 0;     // of kWidth channels
  i64 per_block = 0;  // groups side by side in a block
  i64 row_blocks = 0;
};
template <int kWidth>
RowGrid row_grid(const BatchNormShape& s) {
  const i64 groups = divide_up(s.channels, kWidth);
  i64 per_block = 1;
  while (per_block < groups && per_block < kWarp) per_block *= 2;
  const i64 wide = divide_up(groups, per_block), rows_at_once = kThreads / per_block;
  constexpr i64 kRowsPerThread = 8;  // that pay for the channel's numbers
  const i64 row_blocks = std::clamp<i64>(divide_up(s.rows, rows_at_once * kRowsPerThread), 1,
                                         std::max<i64>(4096 / wide, 1));
  return {s.rows, s.channels, groups, per_block, row_blocks};
}
inline u32 blocks_of(const RowGrid& g) {
  return static_cast<u32>(divide_up(g.groups, g.per_block) * g.row_blocks);
}
struct RowWalk {
  i64 channel, row, step;  // first channel, first row, and how far the next is
};
template <int kWidth>
__device__ RowWalk row_walk(const RowGrid& g) {
  const i64 wide = divide_up(g.groups, g.per_block), at_once = blockDim.x / g.per_block;
  const Division block = divide(blockIdx.x, wide), thread = divide(threadIdx.x, g.per_block);
  return {(block.rest * g.per_block + thread.rest) * kWidth,
          block.quotient * at_once + thread.quotient, at_once * g.row_blocks};
}

template <class T, int kWidth>
struct alignas(sizeof(T) * kWidth) Few {
  T value[kWidth];
};
template <int kWidth, class T>
__device__ Few<T, kWidth> few_at(const T* array, i64 i) {
  return *reinterpret_cast<const Few<T, kWidth>*>(array + i);
}
template <int kWidth, class T>
__device__ void put_few(T* array, i64 i, const Few<T, kWidth>& few) {
  *reinterpret_cast<Few<T, kWidth>*>(array + i) = few;
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    batch_norm_kernel(T* y, const T* x, const T* residual, Parameters<T> parameters, bool relu,
                      RowGrid grid) {
  using C = Compute<T>;
  const RowWalk walk = row_walk<kWidth>(grid);
  if (walk.channel >= grid.channels) return;
  Channel<C> channel[kWidth];
#pragma unroll
  for (int k = 0; k < kWidth; ++k) channel[k] = parameters.channel(walk.channel + k);
  for (i64 r = walk.row; r < grid.rows; r += walk.step) {
    const i64 at = r * grid.channels + walk.channel;
    const auto in = few_at<kWidth>(x, at);
    Few<T, kWidth> add{}, out;
    if (residual != nullptr) add = few_at<kWidth>(residual, at);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const Channel<C>& c = channel[k];
      C value = c.centred(static_cast<C>(in.value[k])) * c.scale + c.beta;
      if (residual != nullptr) value += static_cast<C>(add.value[k]);
      out.value[k] = static_cast<T>(relu && value < C(0) ? C(0) : value);
    }
    put_few(y, at, out);
  }
}

// How dz follows from dy.
enum class Mask { none, from_y, from_x };

template <class T>
struct Rows {
  const T *dy, *x, *y;
  Mask mask;

  // Of kWidth channels, which are dy, x and y at an index.
  template <int kWidth>
  struct Part {
    Few<T, kWidth> dy, x, y;  // x and y where they are wanted
  };
  template <int kWidth>
  __device__ Part<kWidth> part(i64 at, bool wants_x) const {
    Part<kWidth> part{few_at<kWidth>(dy, at), {}, {}};
    if (wants_x) part.x = few_at<kWidth>(x, at);
    if (mask == Mask::from_y) part.y = few_at<kWidth>(y, at);
    return part;
  }
  __device__ Compute<T> dz(T grad, T out, Compute<T> x_centred,
                           const Channel<Compute<T>>& c) const {
    using C = Compute<T>;
    const bool passes = mask == Mask::from_y   ? static_cast<C>(out) > C(0)
                        : mask == Mask::from_x ? x_centred * c.scale + c.beta > C(0)
                                               : true;
    return passes ? static_cast<C>(grad) : C(0);
  }
};

// Σ dz and Σ dz·(x − mean) over each run of rows; writes dresidual, which may be dy.
template <class T>
__global__ void __launch_bounds__(kThreads)
    gradient_sums_kernel(TwoSums<Compute<T>>* partial, T* dresidual, Rows<T> rows,
                         Parameters<T> parameters, ColumnRuns runs) {
  using C = Compute<T>;
  const ColumnBlock at = column_block(runs);
  TwoSums<C> sums{0, 0};
  if (at.column < runs.cols) {
    const Channel<C> channel = parameters.channel(at.column);
#pragma unroll 2
    for (i64 r = runs.begin(at.run) + at.warp; r < runs.end(at.run); r += kColumnWarps) {
      const i64 i = r * runs.cols + at.column;
      const auto part = rows.template part<1>(i, true);
      const C centred = channel.centred(static_cast<C>(part.x.value[0]));
      const C dz = rows.dz(part.dy.value[0], part.y.value[0], centred, channel);
      if (dresidual != nullptr) dresidual[i] = static_cast<T>(dz);
      sums = {sums.first + dz, sums.second + dz * centred};
    }
  }
  sums = combine_warps(sums, AddTwoSums{});
  if (at.warp == 0 && at.column < runs.cols) partial[at.run * runs.cols + at.column] = sums;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    gradient_totals_kernel(T* dgamma, T* dbeta, Pull<Compute<T>>* pull,
                           const TwoSums<Compute<T>>* partial, const double* inv_std, i64 runs,
                           i64 rows, i64 channels) {
  using C = Compute<T>;
  const ColumnBlock at = column_block({runs, channels, runs, 1});
  TwoSums<double> sums{0, 0};
  if (at.column < channels)
    for (i64 run = at.warp; run < runs; run += kColumnWarps) {
      const TwoSums<C> part = partial[run * channels + at.column];
      sums = {sums.first + static_cast<double>(part.first),
              sums.second + static_cast<double>(part.second)};
    }
  sums = combine_warps(sums, AddTwoSums{});
  if (at.warp != 0 || at.column >= channels) return;
  const double inv = inv_std[at.column], per_row = rows > 0 ? 1.0 / static_cast<double>(rows) : 0.0;
  if (dbeta != nullptr) dbeta[at.column] = static_cast<T>(static_cast<C>(sums.first));
  if (dgamma != nullptr) dgamma[at.column] = static_cast<T>(static_cast<C>(sums.second * inv));
  pull[at.column] = {static_cast<C>(sums.first * per_row),
                     static_cast<C>(sums.second * per_row * inv * inv)};
}

// dx may be rows.dy.
template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    input_gradient_kernel(T* dx, Rows<T> rows, Parameters<T> parameters,
                          const Pull<Compute<T>>* pulls, bool constant_statistics, RowGrid grid) {
  using C = Compute<T>;
  const RowWalk walk = row_walk<kWidth>(grid);
  if (walk.channel >= grid.channels) return;
  Channel<C> channel[kWidth];
  Pull<C> pull[kWidth];
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    channel[k] = parameters.channel(walk.channel + k);
    pull[k] = constant_statistics ? Pull<C>{0, 0} : pulls[walk.channel + k];
  }
  // Statistics that are constant and no mask: x is not wanted.
  const bool wants_x = !constant_statistics || rows.mask == Mask::from_x;
#pragma unroll 2
  for (i64 r = walk.row; r < grid.rows; r += walk.step) {
    const i64 at = r * grid.channels + walk.channel;
    const auto part = rows.template part<kWidth>(at, wants_x);
    Few<T, kWidth> out;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const Channel<C>& c = channel[k];
      const C centred = wants_x ? c.centred(static_cast<C>(part.x.value[k])) : C(0);
      const C dz = rows.dz(part.dy.value[k], part.y.value[k], centred, c);
      out.value[k] = static_cast<T>(c.scale * (dz - pull[k].shift - centred * pull[k].pull));
    }
    put_few(dx, at, out);
  }
}

// body.operator()<kWidth>(): as many channels for each thread as all rows allow.
template <class T, class Body, class... Array>
void with_channel_width(i64 channels, const Body& body, const Array*... array) {
  constexpr int kWidth = Pack<T>::kSize > 4 ? 4 : Pack<T>::kSize;
  if (channels % kWidth == 0 && (is_aligned(array) && ...)) body.template operator()<kWidth>();
  else body.template operator()<1>();
}

}  // namespace

template <class T>
void batch_norm(Cuda device, T* y, const T* x, const T* residual, const T* gamma, const T* beta,
                const double* mean, const double* inv_std, bool relu, const BatchNormShape& s) {
  if (s.rows * s.channels == 0) return;
  const Parameters<T> parameters{gamma, beta, mean, inv_std};
  with_channel_width<T>(
      s.channels,
      [&]<int kWidth>() {
        const RowGrid grid = row_grid<kWidth>(s);
        launch<batch_norm_kernel<T, kWidth>>(on(device, blocks_of(grid)), y, x, residual,
                                             parameters, relu, grid);
      },
      y, x, residual);
}

template <class T>
void batch_norm_backward(Cuda device, const BatchNormGradients<T>& out, const T* dy, const T* x,
                         const T* y, const T* gamma, const T* beta, const double* mean,
                         const double* inv_std, bool relu, bool constant_statistics,
                         const BatchNormShape& s) {
  using C = Compute<T>;
  if (s.channels == 0) return;
  const Parameters<T> parameters{gamma, beta, mean, inv_std};
  Rows<T> rows{dy, x, y, !relu ? Mask::none : (y != nullptr ? Mask::from_y : Mask::from_x)};
  const Scratch<Pull<C>> pull(device, s.channels);
  if (!constant_statistics || out.dgamma != nullptr || out.dbeta != nullptr ||
      out.dresidual != nullptr) {
    const ColumnRuns runs = column_runs(s.rows, s.channels);
    const Scratch<TwoSums<C>> partial(device, runs.runs * s.channels);
    launch<gradient_sums_kernel<T>>(on(device, blocks_for_columns(runs)), partial.data(),
                                    out.dresidual, rows, parameters, runs);
    launch<gradient_totals_kernel<T>>(on(device, static_cast<u32>(divide_up(s.channels, kWarp))),
                                      out.dgamma, out.dbeta, pull.data(),
                                      static_cast<const TwoSums<C>*>(partial.data()), inv_std,
                                      runs.runs, s.rows, s.channels);
  }
  if (out.dx == nullptr || s.rows == 0) return;
  if (out.dresidual != nullptr) rows = {out.dresidual, x, y, Mask::none};  // masked already
  with_channel_width<T>(
      s.channels,
      [&]<int kWidth>() {
        const RowGrid grid = row_grid<kWidth>(s);
        launch<input_gradient_kernel<T, kWidth>>(
            on(device, blocks_of(grid)), out.dx, rows, parameters,
            static_cast<const Pull<C>*>(pull.data()), constant_statistics, grid);
      },
      out.dx, rows.dy, rows.x, rows.y);
}

#define WEFT_BATCH_NORM(T)                                                                      \
  template void batch_norm(Cuda, T*, const T*, const T*, const T*, const T*, const double*,     \
                           const double*, bool, const BatchNormShape&);                         \
  template void batch_norm_backward(Cuda, const BatchNormGradients<T>&, const T*, const T*,     \
                                    const T*, const T*, const T*, const double*, const double*, \
                                    bool, bool, const BatchNormShape&);
WEFT_BATCH_NORM(float)
WEFT_BATCH_NORM(double)
WEFT_BATCH_NORM(half)
WEFT_BATCH_NORM(bfloat16)

}  // namespace weft::kernels
