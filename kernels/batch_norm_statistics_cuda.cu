// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "weft/kernels/batch_norm.h"
#include "weft/kernels/common/columns.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

// The mean and Σ (x − mean)² of `rows` elements.
struct Moments {
  double rows, mean, squares;
};
// Combines the moments of two disjoint sets of rows.
// source: Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm for computing
// sample variances"
struct MergeMoments {
  __device__ Moments operator()(const Moments& a, const Moments& b) const {
    if (b.rows == 0) return a;
    if (a.rows == 0) return b;
    const double rows = a.rows + b.rows, apart = b.mean - a.mean, share = b.rows / rows;
    return {rows, a.mean + apart * share, a.squares + b.squares + apart * apart * a.rows * share};
  }
};

// Computes the moments of each run of rows. A thread sums x − first and its square, where first is
// its first row. The subtraction avoids cancellation, because first is close to the data.
template <class T>
__global__ void __launch_bounds__(kThreads)
    moments_kernel(double* partial, Rows<const T> x, ColumnRuns runs) {
  const ColumnBlock at = column_block(runs);
  const i64 begin = runs.begin(at.run) + at.warp, end = runs.end(at.run);
  const auto value = [&](i64 r) {
    return static_cast<double>(static_cast<Compute<T>>(x(r, at.column)));
  };
  Moments moments{0, 0, 0};
  if (at.column < runs.cols && begin < end) {
    const double first = value(begin);
    double sum = 0, squares = 0, rows = 1;
#pragma unroll 4
    for (i64 r = begin + kColumnWarps; r < end; r += kColumnWarps) {
      const double apart = value(r) - first;
      sum += apart;
      squares += apart * apart;
      rows += 1;
    }
    moments = {rows, first + sum / rows, squares - sum * sum / rows};
  }
  moments = combine_warps(moments, MergeMoments{});
  if (at.warp != 0 || at.column >= runs.cols) return;
  double* out = partial + at.run * 3 * runs.cols + at.column;
  out[0] = moments.rows;
  out[runs.cols] = moments.mean;
  out[2 * runs.cols] = moments.squares;
}

// One warp for each channel combines the moments of the runs. The result is valid in rank 0.
using ChannelTeam = RowTeam<false>;
__device__ Moments moments_of_runs(const double* partial, i64 channel, i64 runs, i64 channels) {
  Moments moments{0, 0, 0};
  for (i64 run = ChannelTeam::rank(); run < runs; run += ChannelTeam::kSize) {
    const double* part = partial + run * 3 * channels + channel;
    moments = MergeMoments{}(moments, Moments{part[0], part[channels], part[2 * channels]});
  }
  return ChannelTeam::combine(moments, MergeMoments{});
}

__device__ void finish(const BatchStatistics& out, i64 channel, double sum, double rows,
                       double eps) {
  const double squares = sum > 0 || sum != sum ? sum : 0.0;
  out.inv_std[channel] = 1.0 / std::sqrt(squares / rows + eps);
  out.batch_var[channel] = squares / (rows - 1.0);
}

__global__ void __launch_bounds__(kThreads)
    statistics_kernel(BatchStatistics out, const double* partial, double eps, i64 runs,
                      i64 channels) {
  const i64 channel = ChannelTeam::row();
  if (channel >= channels) return;
  const Moments moments = moments_of_runs(partial, channel, runs, channels);
  if (ChannelTeam::rank() != 0) return;
  out.mean[channel] = moments.mean;
  finish(out, channel, moments.squares, moments.rows, eps);
}

__global__ void __launch_bounds__(kThreads)
    share_moments_kernel(ShareMoments out, const double* partial, i64 runs, i64 channels) {
  const i64 channel = ChannelTeam::row();
  if (channel >= channels) return;
  const Moments moments = moments_of_runs(partial, channel, runs, channels);
  if (ChannelTeam::rank() != 0) return;
  out.mean[channel] = moments.mean;
  out.squares[channel] = moments.squares;
  out.sums[channel] = moments.rows * moments.mean;
  if (channel == 0) out.sums[channels] = moments.rows;
}

__global__ void __launch_bounds__(kThreads)
    recentre_moments_kernel(ShareMoments moments, double rows, i64 channels) {
  for (i64 c = first_index(); c < channels; c += grid_stride()) {
    const double mean = moments.sums[c] / moments.sums[channels], apart = moments.mean[c] - mean;
    moments.squares[c] += rows * apart * apart;
    moments.mean[c] = mean;
  }
}

__global__ void __launch_bounds__(kThreads)
    finish_statistics_kernel(BatchStatistics out, const double* squares, const double* rows,
                             double eps, i64 channels) {
  for (i64 c = first_index(); c < channels; c += grid_stride())
    finish(out, c, squares[c], *rows, eps);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    commit_kernel(RunningStatistics<T> running, BatchMoments batch, double momentum,
                  const bool* skip) {
  using C = Compute<T>;
  if (skip != nullptr && *skip) return;
  if (running.batches != nullptr && first_index() == 0) ++*running.batches;
  const auto move = [=](T& to, double by) {
    to = static_cast<T>(
        static_cast<C>((1.0 - momentum) * static_cast<double>(static_cast<C>(to)) + momentum * by));
  };
  for (i64 c = first_index(); c < running.channels; c += grid_stride()) {
    move(running.mean[c], batch.mean[c]);
    move(running.var[c], batch.var[c]);
  }
}

// Calls body(partial moments, runs) once the moments of all runs are launched. x.cols > 0.
template <class T, class Body>
void with_moments(Cuda device, Rows<const T> x, const Body& body) {
  const ColumnRuns runs = column_runs(x.rows, x.cols);
  const Scratch<double> partial(device, runs.runs * 3 * x.cols);
  launch<moments_kernel<T>>(on(device, blocks_for_columns(runs)), partial.data(), x, runs);
  body(static_cast<const double*>(partial.data()), runs.runs);
}

template <class T>
void statistics(Cuda device, const BatchStatistics& out, Rows<const T> x, double eps) {
  if (x.cols == 0) return;
  with_moments(device, x, [&](const double* partial, i64 runs) {
    launch<statistics_kernel>(on(device, blocks_for_rows(false, x.cols)), out, partial, eps, runs,
                              x.cols);
  });
}

template <class T>
void moments_of_share(Cuda device, const ShareMoments& out, Rows<const T> x) {
  if (x.cols == 0) return;
  with_moments(device, x, [&](const double* partial, i64 runs) {
    launch<share_moments_kernel>(on(device, blocks_for_rows(false, x.cols)), out, partial, runs,
                                 x.cols);
  });
}

template <class T>
void commit(Cuda device, const RunningStatistics<T>& running, BatchMoments batch, double momentum,
            const bool* skip) {
  launch<commit_kernel<T>>(on(device, blocks_for(running.channels)), running, batch, momentum,
                           skip);
}

}  // namespace

template <>
void recentre_moments(Cuda device, const ShareMoments& moments, i64 rows, i64 channels) {
  launch<recentre_moments_kernel>(on(device, blocks_for(channels)), moments,
                                  static_cast<double>(rows), channels);
}

template <>
void finish_statistics(Cuda device, const BatchStatistics& out, const double* squares,
                       const double* rows, double eps, i64 channels) {
  launch<finish_statistics_kernel>(on(device, blocks_for(channels)), out, squares, rows, eps,
                                   channels);
}

#define WEFT_BATCH_STATISTICS(T)                                                                  \
  template <>                                                                                     \
  void batch_statistics(Cuda device, const BatchStatistics& out, Rows<const T> x, double eps) {   \
    statistics(device, out, x, eps);                                                              \
  }                                                                                               \
  template <>                                                                                     \
  void share_moments(Cuda device, const ShareMoments& out, Rows<const T> x) {                     \
    moments_of_share(device, out, x);                                                             \
  }                                                                                               \
  template <>                                                                                     \
  void commit_running_stats(Cuda device, const RunningStatistics<T>& running, BatchMoments batch, \
                            double momentum, const bool* skip) {                                  \
    commit(device, running, batch, momentum, skip);                                               \
  }
WEFT_BATCH_STATISTICS(float)
WEFT_BATCH_STATISTICS(double)
WEFT_BATCH_STATISTICS(half)
WEFT_BATCH_STATISTICS(bfloat16)

}  // namespace weft::kernels
