// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/batch_norm_grid.h"
#include "weft/kernels/batch_norm_pool.h"
#include "weft/kernels/common/best.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

// The window of a row of the grid. `i` and `j` count windows.
struct WindowPlace {
  i64 image, i, j;
};
__device__ WindowPlace window_place(i64 row, i64 height, i64 width) {
  const Division line = divide(row, width), image = divide(line.quotient, height);
  return {image.quotient, image.remainder, line.remainder};
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    batch_norm_pool_kernel(T* y, T* best, u8* index, const T* x, PooledImages s,
                           BatchNormParameters<T> parameters, bool relu, RowGrid grid) {
  using C = Compute<T>;
  const RowWalk walk = row_walk<kWidth>(grid);
  if (walk.channel >= grid.channels) return;
  NormChannel<C> channel[kWidth];
#pragma unroll
  for (int k = 0; k < kWidth; ++k) channel[k] = channel_of(parameters, walk.channel + k);
  for (i64 r = walk.row; r < grid.rows; r += walk.step) {
    const WindowPlace at = window_place(r, s.height / 2, s.width / 2);
    const i64 first =
        ((at.image * s.height + 2 * at.i) * s.width + 2 * at.j) * s.channels + walk.channel;
    Few<T, kWidth> chosen = few_at<kWidth>(x, first), out;
    Few<u8, kWidth> tap{};
#pragma unroll
    for (int t = 1; t < 4; ++t) {
      const auto in = few_at<kWidth>(x, first + ((t / 2) * s.width + t % 2) * s.channels);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        // sign·x is largest where z is. All z are equal if the scale is 0, and NaN if it is.
        const C scale = channel[k].scale,
                sign = scale > C(0) ? C(1) : (scale < C(0) ? C(-1) : scale);
        const C value = static_cast<C>(in.value[k]) * sign,
                before = static_cast<C>(chosen.value[k]) * sign;
        if (takes_over(value, before)) {
          chosen.value[k] = in.value[k];
          tap.value[k] = static_cast<u8>(t);
        }
      }
    }
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const NormChannel<C>& c = channel[k];
      const C z = c.centred(static_cast<C>(chosen.value[k])) * c.scale + c.beta;
      out.value[k] = static_cast<T>(relu && z < C(0) ? C(0) : z);
    }
    const i64 to = r * s.channels + walk.channel;
    put_few(y, to, out);
    if (best == nullptr) continue;
    put_few(best, to, chosen);
    put_few(index, to, tap);
  }
}

// The grid has a row for each window, and for each part of a window at the edge of an odd image.
template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    batch_norm_pool_dx_kernel(T* dx, PooledWindows<T> windows, const T* x, PooledImages s,
                              BatchNormParameters<T> parameters,
                              const NormGradientTerms<Compute<T>>* channel_terms, bool relu,
                              RowGrid grid) {
  using C = Compute<T>;
  const RowWalk walk = row_walk<kWidth>(grid);
  if (walk.channel >= grid.channels) return;
  NormChannel<C> channel[kWidth];
  NormGradientTerms<C> terms[kWidth];
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    channel[k] = channel_of(parameters, walk.channel + k);
    terms[k] = channel_terms[walk.channel + k];
  }
  for (i64 r = walk.row; r < grid.rows; r += walk.step) {
    const WindowPlace at = window_place(r, (s.height + 1) / 2, (s.width + 1) / 2);
    const bool is_whole = at.i < s.height / 2 && at.j < s.width / 2;
    C dz[kWidth] = {};
    Few<u8, kWidth> tap{};
    if (is_whole) {
      const i64 from =
          ((at.image * (s.height / 2) + at.i) * (s.width / 2) + at.j) * s.channels + walk.channel;
      const auto dy = few_at<kWidth>(windows.dy, from), best = few_at<kWidth>(windows.best, from);
      tap = few_at<kWidth>(windows.index, from);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        const NormChannel<C>& c = channel[k];
        const C z = c.centred(static_cast<C>(best.value[k])) * c.scale + c.beta;
        dz[k] = relu && z <= C(0) ? C(0) : static_cast<C>(dy.value[k]);
      }
    }
#pragma unroll
    for (int t = 0; t < 4; ++t) {
      const i64 row = 2 * at.i + t / 2, column = 2 * at.j + t % 2;
      if (row >= s.height || column >= s.width) continue;
      const i64 to = ((at.image * s.height + row) * s.width + column) * s.channels + walk.channel;
      const auto in = few_at<kWidth>(x, to);
      Few<T, kWidth> out;
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        const NormChannel<C>& c = channel[k];
        const C here = tap.value[k] == t ? dz[k] : C(0);
        out.value[k] =
            static_cast<T>(c.scale * (here - terms[k].dz_mean -
                                      c.centred(static_cast<C>(in.value[k])) * terms[k].slope));
      }
      put_few(dx, to, out);
    }
  }
}

template <class T>
void forward(Cuda device, T* y, T* best, u8* index, const T* x, const PooledImages& s,
             const BatchNormParameters<T>& parameters, bool relu) {
  if (s.windows() * s.channels == 0) return;
  with_channel_width<T>(
      s.channels,
      [&]<int kWidth>() {
        const RowGrid grid = row_grid<kWidth>(s.windows(), s.channels);
        launch<batch_norm_pool_kernel<T, kWidth>>(on(device, blocks_of(grid)), y, best, index, x, s,
                                                  parameters, relu, grid);
      },
      y, best, index, x);
}

template <class T>
void gradient(Cuda device, T* dx, const double* sums, const PooledWindows<T>& windows, const T* x,
              const PooledImages& s, const BatchNormParameters<T>& parameters, bool relu) {
  using C = Compute<T>;
  if (s.pixels() * s.channels == 0) return;
  const Scratch<NormGradientTerms<C>> terms(device, s.channels);
  launch<gradient_terms_kernel<C>>(on(device, blocks_for(s.channels)), terms.data(), sums,
                                   parameters.inv_std, s.channels, s.pixels());
  const i64 parts = s.batch * ((s.height + 1) / 2) * ((s.width + 1) / 2);
  with_channel_width<T>(
      s.channels,
      [&]<int kWidth>() {
        const RowGrid grid = row_grid<kWidth>(parts, s.channels);
        launch<batch_norm_pool_dx_kernel<T, kWidth>>(on(device, blocks_of(grid)), dx, windows, x, s,
                                                     parameters, terms.data(), relu, grid);
      },
      dx, windows.dy, windows.best, windows.index, x);
}

}  // namespace

#define WEFT_BATCH_NORM_POOL(T)                                                                    \
  template <>                                                                                      \
  void batch_norm_pool(Cuda device, T* y, T* best, u8* index, const T* x,                          \
                       const PooledImages& images, const BatchNormParameters<T>& parameters,       \
                       bool relu) {                                                                \
    forward(device, y, best, index, x, images, parameters, relu);                                  \
  }                                                                                                \
  template <>                                                                                      \
  void batch_norm_pool_dx(Cuda device, T* dx, const double* sums, const PooledWindows<T>& windows, \
                          const T* x, const PooledImages& images,                                  \
                          const BatchNormParameters<T>& parameters, bool relu) {                   \
    gradient(device, dx, sums, windows, x, images, parameters, relu);                              \
  }
WEFT_BATCH_NORM_POOL(float)
WEFT_BATCH_NORM_POOL(double)
WEFT_BATCH_NORM_POOL(half)
WEFT_BATCH_NORM_POOL(bfloat16)

}  // namespace weft::kernels
