// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/batch_norm.h"

#include <algorithm>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/batch_norm_blocks.h"
#include "weft/kernels/batch_norm_channels.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

constexpr i64 kGrain = 16 * 1024;  // the fewest elements that a thread processes

// The source of the relu's mask. dz is dy where the output of the relu is positive, otherwise 0.
enum class Mask { none, from_y, from_x };

template <Mask mask, class T>
T masked(T dy, T x_centred, const T* y, i64 at, const NormChannels<T>& c, const T* beta, i64 i) {
  if constexpr (mask == Mask::from_y) return y[at] <= T(0) ? T(0) : dy;
  if constexpr (mask == Mask::from_x) return x_centred * c.scale[i] + beta[i] <= T(0) ? T(0) : dy;
  return dy;
}

template <class T>
struct Backward {
  Backward(const BatchNormGradients<T>& out, Rows<const T> dy_rows, Rows<const T> x_rows,
           const T* output, bool relu)
      : dy(dy_rows.data),
        x(x_rows.data),
        y(output),
        dx(out.dx),
        dresidual(out.dresidual),
        rows(x_rows.rows),
        channels(x_rows.cols),
        mask(!relu ? Mask::none : (y != nullptr ? Mask::from_y : Mask::from_x)) {}
  const T *dy, *x, *y;
  T *dx, *dresidual;
  i64 rows, channels;
  Mask mask;
};

// Note [Same element]
// Arguments that may be the same array are read and written at the same index only. The pragma
// ivdep states this. Without it, the compiler's runtime check for overlap selects a scalar loop for
// calls in which two arguments are the same array.

template <class T>
T pairwise(const T (&x)[4]) {
  return (x[0] + x[1]) + (x[2] + x[3]);
}
template <class T>
T pairwise(const T (&x)[1]) {
  return x[0];
}

// Adds dz and dz·(x − mean) of kRows rows, the first of which is row `first`, and writes dresidual.
// The rows are summed in T before their sum is added in double, because an addition in double costs
// twice as much. They are summed in pairs, so that two large ones that cancel leave the small ones.
template <Mask mask, int kRows, class T>
void add_gradients(double* __restrict sum, double* __restrict product, const Backward<T>& g,
                   const NormChannels<T>& c, const T* beta, i64 first) {
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
      T dz[kRows], product_of[kRows];
      for (i64 k = 0; k < kRows; ++k) {
        const i64 at = (first + k) * g.channels + i;
        const T x = centred(c, g.x[at], i);
        dz[k] = masked<kMask>(dy[at], x, g.y, at, c, beta, i);
        product_of[k] = dz[k] * x;
      }
      sum[i] += static_cast<double>(pairwise(dz));
      product[i] += static_cast<double>(pairwise(product_of));
    }
  };
  // NOLINTNEXTLINE(bugprone-branch-clone)
  if (left == Mask::none) add.template operator()<Mask::none>();
  else add.template operator()<mask>();
}

// Sums dz and dz·(x − mean) over rows [begin, end) and writes dresidual.
template <Mask mask, class T>
void sum_gradients(double* __restrict sum, double* __restrict product, const Backward<T>& g,
                   const NormChannels<T>& c, const T* beta, i64 begin, i64 end) {
  std::fill_n(sum, g.channels, 0.0);
  std::fill_n(product, g.channels, 0.0);
  i64 r = begin;
  for (; r + 4 <= end; r += 4) add_gradients<mask, 4>(sum, product, g, c, beta, r);
  for (; r < end; ++r) add_gradients<mask, 1>(sum, product, g, c, beta, r);
}

template <Mask mask, class T>
void input_gradient(const Backward<T>& g, const NormChannels<T>& c, const T* beta,
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
void forward(Rows<T> out, Rows<const T> in, const T* residual,
             const BatchNormParameters<T>& parameters, bool relu) {
  const i64 channels = in.cols;
  T* y = out.data;
  const T* x = in.data;
  const NormChannels<T> c(channels);
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

// Writes Σ dz and Σ dz·(x − mean) of each channel to `sum`, and dresidual, dgamma and dbeta.
template <class T>
void gradient_totals(double* sum, const BatchNormGradients<T>& out, const Backward<T>& g,
                     const NormBackwardChannels<T>& c) {
  const i64 channels = g.channels;
  const BatchNormBlocks blocks(Rows<const T>{g.x, g.rows, channels});
  const Scratch<double, Cpu> partial(Cpu{}, 2 * blocks.count * channels);
  visit_mask(g.mask, [&]<Mask kMask>() {
    parallel_blocks(blocks.count, [&](i64 b) {
      double* part = partial.data() + 2 * b * channels;
      simd([&] {
        sum_gradients<kMask>(part, part + channels, g, c.values, c.beta.data(), blocks.begin(b),
                             blocks.end(b));
      });
    });
  });
  const double* product = sum + channels;
  std::fill_n(sum, 2 * channels, 0.0);
  for (i64 b = 0; b < blocks.count; ++b)
    for (i64 i = 0; i < 2 * channels; ++i) sum[i] += partial.data()[2 * b * channels + i];
  for (i64 i = 0; i < channels; ++i) {
    if (out.dbeta != nullptr) out.dbeta[i] = static_cast<T>(sum[i]);
    if (out.dgamma != nullptr) out.dgamma[i] = static_cast<T>(product[i] * c.inv_std[i]);
  }
}

template <class T>
void write_dx(Backward<T> g, const NormBackwardChannels<T>& c, bool constant_statistics) {
  if (g.dresidual != nullptr) {  // it is already masked
    g.dy = g.dresidual;
    g.mask = Mask::none;
  }
  visit_mask(g.mask, [&]<Mask kMask>() {
    parallel_for(g.rows, kGrain / std::max<i64>(g.channels, 1) + 1, [&](i64 begin, i64 end) {
      simd([&] {
        input_gradient<kMask>(g, c.values, c.beta.data(), constant_statistics, begin, end);
      });
    });
  });
}

template <class T>
void backward(const BatchNormGradients<T>& out, Rows<const T> dy, Rows<const T> x, const T* y,
              const BatchNormParameters<T>& parameters, BatchNormMode mode) {
  const NormBackwardChannels<T> c(parameters, x.cols);
  const Backward<T> g(out, dy, x, y, mode.relu);
  const Scratch<double, Cpu> totals(Cpu{}, 2 * x.cols);
  gradient_totals(totals.data(), out, g, c);
  if (out.dx == nullptr) return;
  c.set_terms(totals.data(), static_cast<double>(x.rows), x.cols);
  write_dx(g, c, mode.constant_statistics);
}

template <class T>
void backward_sums(double* sums, const BatchNormGradients<T>& out, Rows<const T> dy,
                   Rows<const T> x, const T* y, const BatchNormParameters<T>& parameters,
                   bool relu) {
  gradient_totals(sums, out, Backward<T>(out, dy, x, y, relu),
                  NormBackwardChannels<T>(parameters, x.cols));
  sums[2 * x.cols] = static_cast<double>(x.rows);
}

template <class T>
void backward_dx(const BatchNormGradients<T>& out, const double* sums, Rows<const T> dy,
                 Rows<const T> x, const T* y, const BatchNormParameters<T>& parameters, bool relu) {
  const NormBackwardChannels<T> c(parameters, x.cols);
  c.set_terms(sums, sums[2 * x.cols], x.cols);
  write_dx(Backward<T>(out, dy, x, y, relu), c, false);
}

}  // namespace

#define WEFT_BATCH_NORM(T)                                                                        \
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
  void batch_norm_backward_sums(Cpu, double* sums, const BatchNormGradients<T>& out,              \
                                Rows<const T> dy, Rows<const T> x, const T* y,                    \
                                const BatchNormParameters<T>& parameters, bool relu) {            \
    backward_sums(sums, out, dy, x, y, parameters, relu);                                         \
  }                                                                                               \
  template <>                                                                                     \
  void batch_norm_backward_dx(Cpu, const BatchNormGradients<T>& out, const double* sums,          \
                              Rows<const T> dy, Rows<const T> x, const T* y,                      \
                              const BatchNormParameters<T>& parameters, bool relu) {              \
    backward_dx(out, sums, dy, x, y, parameters, relu);                                           \
  }
WEFT_BATCH_NORM(float)
WEFT_BATCH_NORM(double)

}  // namespace weft::kernels
