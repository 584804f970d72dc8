// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/batch_norm.h"
#include "weft/kernels/batch_norm_blocks.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

// Sums of x − first and (x − first)² over all rows, where first is row 0. The subtraction avoids
// cancellation, because first is close to the data.
template <class T>
void sum_block(double* __restrict sum, double* __restrict square, Rows<const T> in) {
  const T* x = in.data;
  const i64 rows = in.rows, channels = in.cols;
  std::fill_n(sum, channels, 0.0);
  std::fill_n(square, channels, 0.0);
  i64 r = 1;
  for (; r + 4 <= rows; r += 4) {
    const T *a = x + r * channels, *b = a + channels, *c = b + channels, *d = c + channels;
    for (i64 i = 0; i < channels; ++i) {
      const double first = static_cast<double>(x[i]);
      const double p = a[i] - first, q = b[i] - first, u = c[i] - first, v = d[i] - first;
      sum[i] += (p + q) + (u + v);
      square[i] += (p * p + q * q) + (u * u + v * v);
    }
  }
  for (; r < rows; ++r) {
    for (i64 i = 0; i < channels; ++i) {
      const double p = x[r * channels + i] - static_cast<double>(x[i]);
      sum[i] += p;
      square[i] += p * p;
    }
  }
}

// Computes the mean and Σ (x − mean)² of each channel by merging those of the blocks in order.
template <class T>
void merge_blocks(double* mean, double* squares, Rows<const T> x) {
  const i64 channels = x.cols;
  const BatchNormBlocks blocks(x);
  const Scratch<double, Cpu> partial(Cpu{}, 2 * blocks.count * channels);
  parallel_blocks(blocks.count, [&](i64 b) {
    double* sum = partial.data() + 2 * b * channels;
    simd([&] {
      sum_block(sum, sum + channels,
                Rows<const T>{x.row(blocks.begin(b)), blocks.end(b) - blocks.begin(b), channels});
    });
  });
  std::fill_n(mean, channels, 0.0);
  std::fill_n(squares, channels, 0.0);
  for (i64 b = 0; b < blocks.count; ++b) {
    const double *sum = partial.data() + 2 * b * channels, *square = sum + channels;
    const T* first = x.row(blocks.begin(b));
    const double before = static_cast<double>(blocks.begin(b));
    const double rows = static_cast<double>(blocks.end(b) - blocks.begin(b));
    const double share = rows / (before + rows), weight = before * share, per_row = 1.0 / rows;
    for (i64 i = 0; i < channels; ++i) {
      const double apart = static_cast<double>(first[i]) + sum[i] * per_row - mean[i];
      mean[i] += apart * share;
      squares[i] += square[i] - sum[i] * sum[i] * per_row + apart * apart * weight;
    }
  }
}

void finish(const BatchStatistics& out, const double* squares, double rows, double eps,
            i64 channels) {
  for (i64 i = 0; i < channels; ++i) {
    const double sum = std::max(squares[i], 0.0);
    out.inv_std[i] = 1.0 / std::sqrt(sum / rows + eps);
    out.batch_var[i] = sum / (rows - 1.0);
  }
}

template <class T>
void statistics(const BatchStatistics& out, Rows<const T> x, double eps) {
  merge_blocks(out.mean, out.batch_var, x);
  finish(out, out.batch_var, static_cast<double>(x.rows), eps, x.cols);
}

template <class T>
void moments_of_share(const ShareMoments& out, Rows<const T> x) {
  merge_blocks(out.mean, out.squares, x);
  const double rows = static_cast<double>(x.rows);
  for (i64 i = 0; i < x.cols; ++i) out.sums[i] = rows * out.mean[i];
  out.sums[x.cols] = rows;
}

template <class T>
void commit(const RunningStatistics<T>& running, BatchMoments batch, double momentum,
            const bool* skip) {
  if (skip != nullptr && *skip) return;
  if (running.batches != nullptr) ++*running.batches;
  T *running_mean = running.mean, *running_var = running.var;
  const double *batch_mean = batch.mean, *batch_var = batch.var;
  for (i64 i = 0; i < running.channels; ++i) {
    running_mean[i] = static_cast<T>((1.0 - momentum) * static_cast<double>(running_mean[i]) +
                                     momentum * batch_mean[i]);
    running_var[i] = static_cast<T>((1.0 - momentum) * static_cast<double>(running_var[i]) +
                                    momentum * batch_var[i]);
  }
}

}  // namespace

template <>
void recentre_moments(Cpu, const ShareMoments& moments, i64 rows, i64 channels) {
  for (i64 i = 0; i < channels; ++i) {
    const double mean = moments.sums[i] / moments.sums[channels], apart = moments.mean[i] - mean;
    moments.squares[i] += static_cast<double>(rows) * apart * apart;
    moments.mean[i] = mean;
  }
}

template <>
void finish_statistics(Cpu, const BatchStatistics& out, const double* squares, const double* rows,
                       double eps, i64 channels) {
  finish(out, squares, *rows, eps, channels);
}

#define WEFT_BATCH_STATISTICS(T)                                                          \
  template <>                                                                             \
  void batch_statistics(Cpu, const BatchStatistics& out, Rows<const T> x, double eps) {   \
    statistics(out, x, eps);                                                              \
  }                                                                                       \
  template <>                                                                             \
  void share_moments(Cpu, const ShareMoments& out, Rows<const T> x) {                     \
    moments_of_share(out, x);                                                             \
  }                                                                                       \
  template <>                                                                             \
  void commit_running_stats(Cpu, const RunningStatistics<T>& running, BatchMoments batch, \
                            double momentum, const bool* skip) {                          \
    commit(running, batch, momentum, skip);                                               \
  }
WEFT_BATCH_STATISTICS(float)
WEFT_BATCH_STATISTICS(double)

}  // namespace weft::kernels
