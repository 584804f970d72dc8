// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/batch_norm.h"

#include <algorithm>
#include <cmath>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

// The elements of a block. The size is fixed, so that results do not depend on the threads.
constexpr i64 kBlock = 16 * 1024;
constexpr i64 kGrain = 16 * 1024;  // the fewest elements that a thread processes

struct Blocks {
  template <class T>
  explicit Blocks(Rows<const T> x)
      : rows_per_block(std::clamp<i64>(kBlock / std::max<i64>(x.cols, 1), 1, 512)),
        count((x.rows + rows_per_block - 1) / rows_per_block),
        rows(x.rows) {}
  i64 begin(i64 block) const { return block * rows_per_block; }
  i64 end(i64 block) const { return std::min(rows, begin(block) + rows_per_block); }
  i64 rows_per_block, count, rows;
};

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

// The factors and offsets of each channel, in the type of the rows. The mean is the sum of two
// values, so that x − mean keeps its precision if the mean is large.
template <class T>
struct Channels {
  explicit Channels(i64 channels) : memory(Cpu{}, 5 * channels) {
    mean = memory.data();
    mean_low = mean + channels;
    scale = mean_low + channels;
    shift = scale + channels;
    slope = shift + channels;
  }
  Scratch<T, Cpu> memory;
  T *mean, *mean_low;  // the mean is mean + mean_low
  T* scale;            // gamma·inv_std
  T* shift;            // forward: beta; backward: Σ dz/rows
  T* slope;            // backward: inv_std²·Σ dz·(x − mean)/rows
};

template <class T>
void fill_channels(const Channels<T>& c, const BatchNormParameters<T>& parameters, i64 channels) {
  const auto [gamma, beta, mean, inv_std] = parameters;
  for (i64 i = 0; i < channels; ++i) {
    c.mean[i] = static_cast<T>(mean[i]);
    c.mean_low[i] = static_cast<T>(mean[i] - static_cast<double>(c.mean[i]));
    c.scale[i] =
        static_cast<T>((gamma != nullptr ? static_cast<double>(gamma[i]) : 1.0) * inv_std[i]);
    c.shift[i] = beta != nullptr ? beta[i] : T(0);
  }
}

template <class T>
T centred(const Channels<T>& c, T x, i64 i) {
  return (x - c.mean[i]) - c.mean_low[i];
}

// The source of the relu's mask. dz is dy where the output of the relu is positive, otherwise 0.
enum class Mask { none, from_y, from_x };

template <Mask mask, class T>
T masked(T dy, T x_centred, const T* y, i64 at, const Channels<T>& c, const T* beta, i64 i) {
  if constexpr (mask == Mask::from_y) return y[at] <= T(0) ? T(0) : dy;
  if constexpr (mask == Mask::from_x) return x_centred * c.scale[i] + beta[i] <= T(0) ? T(0) : dy;
  return dy;
}

template <class T>
struct Backward {
  const T *dy, *x, *y;
  T *dx, *dresidual;
  i64 channels;
};

// Note [Same element]
// Arguments that may be the same array are read and written at the same index only. The pragma
// ivdep states this. Without it, the compiler's runtime check for overlap selects a scalar loop for
// calls in which two arguments are the same array.

// Adds dz and dz·(x − mean) of kRows rows, the first of which is row `first`, and writes dresidual.
// The rows are summed in T before their sum is added in double, because an addition in double costs
// twice as much.
template <Mask mask, int kRows, class T>
void add_gradients(double* __restrict sum, double* __restrict product, const Backward<T>& g,
                   const Channels<T>& c, const T* beta, i64 first) {
  const Mask left = g.dresidual != nullptr ? Mask::none : mask;
  if (g.dresidual != nullptr) {
    for (i64 row = first * g.channels; row < (first + kRows) * g.channels; row += g.channels) {
#pragma GCC ivdep
      for (i64 i = 0; i < g.channels; ++i)
        g.dresidual[row + i] =
            masked<mask>(g.dy[row + i], centred(c, g.x[row + i], i), g.y, row + i, c, beta, i);
    }
  }
  const T* dy = g.dresidual != nullptr ? g.dresidual : g.dy;
  const auto add = [&]<Mask kMask>() {
    for (i64 i = 0; i < g.channels; ++i) {
      T dz_sum = 0, product_sum = 0;
      for (i64 k = 0; k < kRows; ++k) {
        const i64 at = (first + k) * g.channels + i;
        const T x = centred(c, g.x[at], i);
        const T dz = masked<kMask>(dy[at], x, g.y, at, c, beta, i);
        dz_sum += dz;
        product_sum += dz * x;
      }
      sum[i] += static_cast<double>(dz_sum);
      product[i] += static_cast<double>(product_sum);
    }
  };
  if (left == Mask::none) add.template operator()<Mask::none>();
  else add.template operator()<mask>();
}

// Sums dz and dz·(x − mean) over rows [begin, end) and writes dresidual.
template <Mask mask, class T>
void sum_gradients(double* __restrict sum, double* __restrict product, const Backward<T>& g,
                   const Channels<T>& c, const T* beta, i64 begin, i64 end) {
  std::fill_n(sum, g.channels, 0.0);
  std::fill_n(product, g.channels, 0.0);
  i64 r = begin;
  for (; r + 4 <= end; r += 4) add_gradients<mask, 4>(sum, product, g, c, beta, r);
  for (; r < end; ++r) add_gradients<mask, 1>(sum, product, g, c, beta, r);
}

template <Mask mask, class T>
void input_gradient(const Backward<T>& g, const Channels<T>& c, const T* beta,
                    bool constant_statistics, i64 begin, i64 end) {
  for (i64 r = begin; r < end; ++r) {
    const i64 row = r * g.channels;
    if (constant_statistics) {
#pragma GCC ivdep
      for (i64 i = 0; i < g.channels; ++i) {
        const T x = mask == Mask::from_x ? centred(c, g.x[row + i], i) : T(0);
        g.dx[row + i] = c.scale[i] * masked<mask>(g.dy[row + i], x, g.y, row + i, c, beta, i);
      }
    } else {
#pragma GCC ivdep
      for (i64 i = 0; i < g.channels; ++i) {
        const T x = centred(c, g.x[row + i], i);
        const T dz = masked<mask>(g.dy[row + i], x, g.y, row + i, c, beta, i);
        g.dx[row + i] = c.scale[i] * (dz - c.shift[i] - x * c.slope[i]);
      }
    }
  }
}

template <class Body>
void visit_mask(Mask mask, const Body& body) {
  switch (mask) {
    case Mask::none: return body.template operator()<Mask::none>();
    case Mask::from_y: return body.template operator()<Mask::from_y>();
    case Mask::from_x: return body.template operator()<Mask::from_x>();
  }
}

template <class T>
void statistics(const BatchStatistics& out, Rows<const T> x, double eps) {
  const i64 channels = x.cols;
  double *mean = out.mean, *inv_std = out.inv_std, *batch_var = out.batch_var;
  const Blocks blocks(x);
  const Scratch<double, Cpu> partial(Cpu{}, 2 * blocks.count * channels);
  parallel_blocks(blocks.count, [&](i64 b) {
    double* sum = partial.data() + 2 * b * channels;
    simd([&] {
      sum_block(sum, sum + channels,
                Rows<const T>{x.row(blocks.begin(b)), blocks.end(b) - blocks.begin(b), channels});
    });
  });
  std::fill_n(mean, channels, 0.0);
  double* squares = batch_var;  // Σ (x − mean)² of the blocks merged so far
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
  const double rows = static_cast<double>(x.rows);
  for (i64 i = 0; i < channels; ++i) {
    const double sum = std::max(squares[i], 0.0);
    inv_std[i] = 1.0 / std::sqrt(sum / rows + eps);
    batch_var[i] = sum / (rows - 1.0);
  }
}

template <class T>
void forward(Rows<T> out, Rows<const T> in, const T* residual,
             const BatchNormParameters<T>& parameters, bool relu) {
  const i64 channels = in.cols;
  T* y = out.data;
  const T* x = in.data;
  const Channels<T> c(channels);
  fill_channels(c, parameters, channels);
  parallel_for(in.rows, kGrain / std::max<i64>(channels, 1) + 1, [&](i64 begin, i64 end) {
    simd([&] {
      for (i64 r = begin; r < end; ++r) {
        const i64 row = r * channels;
        if (residual != nullptr) {
#pragma GCC ivdep
          for (i64 i = 0; i < channels; ++i)
            y[row + i] = centred(c, x[row + i], i) * c.scale[i] + c.shift[i] + residual[row + i];
        } else {
#pragma GCC ivdep
          for (i64 i = 0; i < channels; ++i)
            y[row + i] = centred(c, x[row + i], i) * c.scale[i] + c.shift[i];
        }
        // relu has its own loop over the row, which is still in the L1 cache.
        if (relu)
          for (i64 i = 0; i < channels; ++i) y[row + i] = y[row + i] < T(0) ? T(0) : y[row + i];
      }
    });
  });
}

template <class T>
void backward(const BatchNormGradients<T>& out, Rows<const T> dy, Rows<const T> x, const T* y,
              const BatchNormParameters<T>& parameters, BatchNormMode mode) {
  const i64 channels = x.cols;
  const double* inv_std = parameters.inv_std;
  const Channels<T> c(channels);
  fill_channels(c, parameters, channels);
  const Scratch<T, Cpu> beta_copy(Cpu{}, channels);  // c.shift is overwritten below
  std::copy_n(c.shift, channels, beta_copy.data());
  const Mask mask = !mode.relu ? Mask::none : (y != nullptr ? Mask::from_y : Mask::from_x);
  Backward<T> g{dy.data, x.data, y, out.dx, out.dresidual, channels};

  const Blocks blocks(x);
  const Scratch<double, Cpu> partial(Cpu{}, 2 * blocks.count * channels);
  visit_mask(mask, [&]<Mask kMask>() {
    parallel_blocks(blocks.count, [&](i64 b) {
      double* sum = partial.data() + 2 * b * channels;
      simd([&] {
        sum_gradients<kMask>(sum, sum + channels, g, c, beta_copy.data(), blocks.begin(b),
                             blocks.end(b));
      });
    });
  });
  const Scratch<double, Cpu> totals(Cpu{}, 2 * channels);
  double *sum = totals.data(), *product = sum + channels;
  std::fill_n(sum, 2 * channels, 0.0);
  for (i64 b = 0; b < blocks.count; ++b)
    for (i64 i = 0; i < 2 * channels; ++i) sum[i] += partial.data()[2 * b * channels + i];
  const double per_row = x.rows > 0 ? 1.0 / static_cast<double>(x.rows) : 0.0;
  for (i64 i = 0; i < channels; ++i) {
    if (out.dbeta != nullptr) out.dbeta[i] = static_cast<T>(sum[i]);
    if (out.dgamma != nullptr) out.dgamma[i] = static_cast<T>(product[i] * inv_std[i]);
    c.shift[i] = static_cast<T>(sum[i] * per_row);
    c.slope[i] = static_cast<T>(product[i] * per_row * inv_std[i] * inv_std[i]);
  }
  if (out.dx == nullptr) return;
  if (out.dresidual != nullptr) g.dy = out.dresidual;  // dresidual is already masked
  visit_mask(out.dresidual != nullptr ? Mask::none : mask, [&]<Mask kMask>() {
    parallel_for(x.rows, kGrain / std::max<i64>(channels, 1) + 1, [&](i64 begin, i64 end) {
      simd([&] {
        input_gradient<kMask>(g, c, beta_copy.data(), mode.constant_statistics, begin, end);
      });
    });
  });
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

#define WEFT_BATCH_NORM(T)                                                                        \
  template <>                                                                                     \
  void batch_statistics(Cpu, const BatchStatistics& out, Rows<const T> x, double eps) {           \
    statistics(out, x, eps);                                                                      \
  }                                                                                               \
  template <>                                                                                     \
  void batch_norm(Cpu, Rows<T> y, Rows<const T> x, const T* residual,                             \
                  const BatchNormParameters<T>& parameters, bool relu) {                          \
    forward(y, x, residual, parameters, relu);                                                    \
  }                                                                                               \
  template <>                                                                                     \
  void batch_norm_backward(Cpu, const BatchNormGradients<T>& out, Rows<const T> dy,               \
                           Rows<const T> x, const T* y, const BatchNormParameters<T>& parameters, \
                           BatchNormMode mode) {                                                  \
    backward(out, dy, x, y, parameters, mode);                                                    \
  }                                                                                               \
  template <>                                                                                     \
  void commit_running_stats(Cpu, const RunningStatistics<T>& running, BatchMoments batch,         \
                            double momentum, const bool* skip) {                                  \
    commit(running, batch, momentum, skip);                                                       \
  }
WEFT_BATCH_NORM(float)
WEFT_BATCH_NORM(double)

}  // namespace weft::kernels
