// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/batch_norm.h"

#include <algorithm>
#include <cmath>

#include "weft/device/allocator.h"
#include "weft/device/parallel.h"
#include "weft/device/simd.h"

namespace weft::kernels {
namespace {

constexpr i64 kBlock =
    16 * 1024;  // elements whose sums are made in one go; fixed, so that results are too
constexpr i64 kGrain = 16 * 1024;  // elements that are worth a thread

// Memory for one call.
template <class T>
class Scratch {
 public:
  explicit Scratch(i64 elements)
      : bytes_(elements * static_cast<i64>(sizeof(T))),
        data_(static_cast<T*>(allocate(Cpu{}, bytes_))) {}
  ~Scratch() { deallocate(Cpu{}, data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* data() const { return data_; }

 private:
  i64 bytes_;
  T* data_;
};

struct Blocks {
  explicit Blocks(const BatchNormShape& s)
      : rows_per_block(std::clamp<i64>(kBlock / std::max<i64>(s.channels, 1), 1, 512)),
        count((s.rows + rows_per_block - 1) / rows_per_block),
        rows(s.rows) {}
  i64 begin(i64 block) const { return block * rows_per_block; }
  i64 end(i64 block) const { return std::min(rows, begin(block) + rows_per_block); }
  i64 rows_per_block, count, rows;
};

// Sums of x − first and (x − first)² over rows [0, rows), first = row 0: near the data, so that the
// squares do not cancel.
template <class T>
void sum_block(double* __restrict sum, double* __restrict square, const T* x, i64 rows,
               i64 channels) {
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

// What a channel's numbers are multiplied with and shifted by, in the type of the rows. The mean is
// split in two, so that x − mean keeps its digits when the mean is large.
template <class T>
struct Channels {
  explicit Channels(i64 channels) : memory(5 * channels) {
    mean = memory.data();
    rest = mean + channels;
    scale = rest + channels;
    shift = scale + channels;
    pull = shift + channels;
  }
  Scratch<T> memory;
  T *mean, *rest;  // mean + rest
  T* scale;        // gamma·inv_std
  T* shift;        // forward: beta; backward: Σdz/rows
  T* pull;         // backward: inv_std²·Σ dz·(x − mean)/rows
};

template <class T>
void fill_channels(const Channels<T>& c, const T* gamma, const T* beta, const double* mean,
                   const double* inv_std, i64 channels) {
  for (i64 i = 0; i < channels; ++i) {
    c.mean[i] = static_cast<T>(mean[i]);
    c.rest[i] = static_cast<T>(mean[i] - static_cast<double>(c.mean[i]));
    c.scale[i] =
        static_cast<T>((gamma != nullptr ? static_cast<double>(gamma[i]) : 1.0) * inv_std[i]);
    c.shift[i] = beta != nullptr ? beta[i] : T(0);
  }
}

template <class T>
T centred(const Channels<T>& c, T x, i64 i) {
  return (x - c.mean[i]) - c.rest[i];
}

// How dz follows from dy.
enum class Mask { none, from_y, from_x };

template <Mask mask, class T>
T masked(T dy, T x_centred, const T* y, i64 at, const Channels<T>& c, const T* beta, i64 i) {
  if constexpr (mask == Mask::from_y) return y[at] > T(0) ? dy : T(0);
  if constexpr (mask == Mask::from_x) return x_centred * c.scale[i] + beta[i] > T(0) ? dy : T(0);
  return dy;
}

template <class T>
struct Backward {
  const T *dy, *x, *y;
  T *dx, *dresidual;
  i64 channels;
};

// Note [Same element]
// Arrays that may be one another are read and written at the same index only, which ivdep says:
// otherwise the compiler's test for overlap sends just those calls to a scalar loop.

// Sums of dz and dz·(x − mean) over rows [begin, end); writes dresidual.
template <Mask mask, class T>
void sum_gradients(T* __restrict sum, T* __restrict product, const Backward<T>& g,
                   const Channels<T>& c, const T* beta, i64 begin, i64 end) {
  std::fill_n(sum, g.channels, T(0));
  std::fill_n(product, g.channels, T(0));
  for (i64 r = begin; r < end; ++r) {
    const i64 row = r * g.channels;
    if (g.dresidual != nullptr) {
#pragma GCC ivdep
      for (i64 i = 0; i < g.channels; ++i)
        g.dresidual[row + i] =
            masked<mask>(g.dy[row + i], centred(c, g.x[row + i], i), g.y, row + i, c, beta, i);
      for (i64 i = 0; i < g.channels; ++i) {
        sum[i] += g.dresidual[row + i];
        product[i] += g.dresidual[row + i] * centred(c, g.x[row + i], i);
      }
    } else {
      for (i64 i = 0; i < g.channels; ++i) {
        const T x = centred(c, g.x[row + i], i);
        const T dz = masked<mask>(g.dy[row + i], x, g.y, row + i, c, beta, i);
        sum[i] += dz;
        product[i] += dz * x;
      }
    }
  }
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
        g.dx[row + i] = c.scale[i] * (dz - c.shift[i] - x * c.pull[i]);
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

}  // namespace

template <class T>
void batch_statistics(Cpu, double* mean, double* inv_std, double* batch_var, const T* x, double eps,
                      const BatchNormShape& s) {
  const Blocks blocks(s);
  const Scratch<double> partial(2 * blocks.count * s.channels);
  parallel_blocks(blocks.count, [&](i64 b) {
    double* sum = partial.data() + 2 * b * s.channels;
    simd([&] {
      sum_block(sum, sum + s.channels, x + blocks.begin(b) * s.channels,
                blocks.end(b) - blocks.begin(b), s.channels);
    });
  });
  std::fill_n(mean, s.channels, 0.0);
  double* squares = batch_var;  // Σ (x − mean)² so far
  std::fill_n(squares, s.channels, 0.0);
  for (i64 b = 0; b < blocks.count; ++b) {
    const double *sum = partial.data() + 2 * b * s.channels, *square = sum + s.channels;
    const T* first = x + blocks.begin(b) * s.channels;
    const double before = static_cast<double>(blocks.begin(b));
    const double rows = static_cast<double>(blocks.end(b) - blocks.begin(b));
    const double share = rows / (before + rows), weight = before * share, per_row = 1.0 / rows;
    for (i64 i = 0; i < s.channels; ++i) {
      const double apart = static_cast<double>(first[i]) + sum[i] * per_row - mean[i];
      mean[i] += apart * share;
      squares[i] += square[i] - sum[i] * sum[i] * per_row + apart * apart * weight;
    }
  }
  const double rows = static_cast<double>(s.rows);
  for (i64 i = 0; i < s.channels; ++i) {
    const double sum = std::max(squares[i], 0.0);
    inv_std[i] = 1.0 / std::sqrt(sum / rows + eps);
    batch_var[i] = sum / (rows - 1.0);
  }
}

template <class T>
void batch_norm(Cpu, T* y, const T* x, const T* residual, const T* gamma, const T* beta,
                const double* mean, const double* inv_std, bool relu, const BatchNormShape& s) {
  const Channels<T> c(s.channels);
  fill_channels(c, gamma, beta, mean, inv_std, s.channels);
  parallel_for(s.rows, kGrain / std::max<i64>(s.channels, 1) + 1, [&](i64 begin, i64 end) {
    simd([&] {
      for (i64 r = begin; r < end; ++r) {
        const i64 row = r * s.channels;
        if (residual != nullptr) {
#pragma GCC ivdep
          for (i64 i = 0; i < s.channels; ++i)
            y[row + i] = centred(c, x[row + i], i) * c.scale[i] + c.shift[i] + residual[row + i];
        } else {
#pragma GCC ivdep
          for (i64 i = 0; i < s.channels; ++i)
            y[row + i] = centred(c, x[row + i], i) * c.scale[i] + c.shift[i];
        }
        // The row is still in the nearest cache.
        if (relu)
          for (i64 i = 0; i < s.channels; ++i) y[row + i] = y[row + i] < T(0) ? T(0) : y[row + i];
      }
    });
  });
}

template <class T>
void batch_norm_backward(Cpu, const BatchNormGradients<T>& out, const T* dy, const T* x, const T* y,
                         const T* gamma, const T* beta, const double* mean, const double* inv_std,
                         bool relu, bool constant_statistics, const BatchNormShape& s) {
  const Channels<T> c(s.channels);
  fill_channels(c, gamma, beta, mean, inv_std, s.channels);
  const Scratch<T> beta_copy(s.channels);  // c.shift changes its meaning below
  std::copy_n(c.shift, s.channels, beta_copy.data());
  const Mask mask = !relu ? Mask::none : (y != nullptr ? Mask::from_y : Mask::from_x);
  Backward<T> g{dy, x, y, out.dx, out.dresidual, s.channels};

  const Blocks blocks(s);
  const Scratch<T> partial(2 * blocks.count * s.channels);
  visit_mask(mask, [&]<Mask kMask>() {
    parallel_blocks(blocks.count, [&](i64 b) {
      T* sum = partial.data() + 2 * b * s.channels;
      simd([&] {
        sum_gradients<kMask>(sum, sum + s.channels, g, c, beta_copy.data(), blocks.begin(b),
                             blocks.end(b));
      });
    });
  });
  const Scratch<double> totals(2 * s.channels);
  double *sum = totals.data(), *product = sum + s.channels;
  std::fill_n(sum, 2 * s.channels, 0.0);
  for (i64 b = 0; b < blocks.count; ++b)
    for (i64 i = 0; i < 2 * s.channels; ++i)
      sum[i] += static_cast<double>(partial.data()[2 * b * s.channels + i]);
  const double per_row = s.rows > 0 ? 1.0 / static_cast<double>(s.rows) : 0.0;
  for (i64 i = 0; i < s.channels; ++i) {
    if (out.dbeta != nullptr) out.dbeta[i] = static_cast<T>(sum[i]);
    if (out.dgamma != nullptr) out.dgamma[i] = static_cast<T>(product[i] * inv_std[i]);
    c.shift[i] = static_cast<T>(sum[i] * per_row);
    c.pull[i] = static_cast<T>(product[i] * per_row * inv_std[i] * inv_std[i]);
  }
  if (out.dx == nullptr) return;
  if (out.dresidual != nullptr) g.dy = out.dresidual;  // masked already
  visit_mask(out.dresidual != nullptr ? Mask::none : mask, [&]<Mask kMask>() {
    parallel_for(s.rows, kGrain / std::max<i64>(s.channels, 1) + 1, [&](i64 begin, i64 end) {
      simd([&] { input_gradient<kMask>(g, c, beta_copy.data(), constant_statistics, begin, end); });
    });
  });
}

template <class T>
void commit_running_stats(Cpu, T* running_mean, T* running_var, i64* batches,
                          const double* batch_mean, const double* batch_var, double momentum,
                          const bool* skip, i64 channels) {
  if (skip != nullptr && *skip) return;
  if (batches != nullptr) ++*batches;
  for (i64 i = 0; i < channels; ++i) {
    running_mean[i] = static_cast<T>((1.0 - momentum) * static_cast<double>(running_mean[i]) +
                                     momentum * batch_mean[i]);
    running_var[i] = static_cast<T>((1.0 - momentum) * static_cast<double>(running_var[i]) +
                                    momentum * batch_var[i]);
  }
}

#define WEFT_BATCH_NORM(T)                                                                      \
  template void batch_statistics(Cpu, double*, double*, double*, const T*, double,              \
                                 const BatchNormShape&);                                        \
  template void batch_norm(Cpu, T*, const T*, const T*, const T*, const T*, const double*,      \
                           const double*, bool, const BatchNormShape&);                         \
  template void batch_norm_backward(Cpu, const BatchNormGradients<T>&, const T*, const T*,      \
                                    const T*, const T*, const T*, const double*, const double*, \
                                    bool, bool, const BatchNormShape&);                         \
  template void commit_running_stats(Cpu, T*, T*, i64*, const double*, const double*, double,   \
                                     const bool*, i64);
WEFT_BATCH_NORM(float)
WEFT_BATCH_NORM(double)

}  // namespace weft::kernels
