// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/batch_norm_pool.h"

#include <algorithm>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/batch_norm_channels.h"
#include "weft/kernels/common/best.h"
#include "weft/kernels/pool2d_taps.h"

namespace weft::kernels {
namespace {

constexpr i64 kGrain = 16 * 1024;  // the fewest elements that a thread processes

// Calls body(row) for each row of windows, of which an image has `per_image`.
template <class Body>
void for_window_rows(const PooledImages& s, i64 per_image, const Body& body) {
  parallel_for(s.batch * per_image, kGrain / std::max<i64>(2 * s.width * s.channels, 1) + 1,
               [&](i64 begin, i64 end) {
                 simd([&] {
                   for (i64 row = begin; row < end; ++row) body(row);
                 });
               });
}

// What the forward pass writes, from one window on.
template <class T>
struct Pooled {
  T *y, *best;
  u8* index;
};

// Computes one window. sign·x is largest where z is; the sign is 0 if all z are equal, and NaN if
// all z are NaN. Arrays are copied into local variables (Note [Windows of 2 × 2]).
template <bool relu, bool kSaves, class T>
void normalise_best(const Pooled<T> out, const T* upper, const T* lower, i64 channels,
                    const NormChannels<T>& values, const T* sign) {
  const T *mean = values.mean, *mean_low = values.mean_low, *scale = values.scale,
          *shift = values.shift;
  T *y = out.y, *saved = out.best;
  u8* index = out.index;
  Lane<T> taps[kTile];
  for (i64 first = 0; first < channels; first += kTile) {
    const i64 end = std::min(channels, first + kTile);
#pragma GCC ivdep
    for (i64 c = first; c < end; ++c) {
      T best = upper[c], rank = best * sign[c];
      Lane<T> at = 0;
      const auto take = [&](T value, Lane<T> tap) {
        const T its_rank = value * sign[c];
        const bool takes = takes_over(its_rank, rank);
        rank = takes ? its_rank : rank;
        best = takes ? value : best;
        at = takes ? tap : at;
      };
      take(upper[channels + c], 1);
      take(lower[c], 2);
      take(lower[channels + c], 3);
      const T z = ((best - mean[c]) - mean_low[c]) * scale[c] + shift[c];
      y[c] = relu && z < T(0) ? T(0) : z;
      if constexpr (kSaves) saved[c] = best, taps[c - first] = at;
    }
    if constexpr (kSaves) convert_taps(index + first, taps, end - first);
  }
}

template <bool relu, bool kSaves, class T>
void forward_rows(const Pooled<T>& out, const T* x, const PooledImages& s,
                  const NormChannels<T>& values, const T* sign) {
  const i64 out_height = s.height / 2, out_width = s.width / 2;
  for_window_rows(s, out_height, [&](i64 row) {
    const i64 top = row / out_height * s.height + row % out_height * 2;
    for (i64 j = 0; j < out_width; ++j) {
      const i64 output = (row * out_width + j) * s.channels;
      const T* upper = x + (top * s.width + 2 * j) * s.channels;
      normalise_best<relu, kSaves>(Pooled<T>{out.y + output, kSaves ? out.best + output : nullptr,
                                             kSaves ? out.index + output : nullptr},
                                   upper, upper + s.width * s.channels, s.channels, values, sign);
    }
  });
}

template <class T>
void forward(const Pooled<T>& out, const T* x, const PooledImages& s,
             const BatchNormParameters<T>& parameters, bool relu) {
  const NormChannels<T> values(s.channels);
  fill_channels(values, parameters, s.channels);
  const Scratch<T, Cpu> signs(Cpu{}, s.channels);
  T* sign = signs.data();
  for (i64 c = 0; c < s.channels; ++c)
    sign[c] = values.scale[c] > T(0) ? T(1) : (values.scale[c] < T(0) ? T(-1) : values.scale[c]);
  const auto run = [&]<bool kSaves>() {
    if (relu) forward_rows<true, kSaves>(out, x, s, values, sign);
    else forward_rows<false, kSaves>(out, x, s, values, sign);
  };
  if (out.best != nullptr) run.template operator()<true>();
  else run.template operator()<false>();
}

// What the backward pass reads and writes, from one window on.
template <class T>
struct Gradient {
  const T *dy, *best;
  const u8* index;
  const T* x;  // the left upper pixel of the window
  T* dx;
  i64 row;  // elements of a row of the image
  i64 channels;
};

template <bool relu, class T>
void gradient_of_window(const Gradient<T> g, const NormChannels<T>& values, const T* beta) {
  const T *dy = g.dy, *best = g.best, *upper = g.x, *lower = g.x + g.row;
  const T *mean = values.mean, *mean_low = values.mean_low, *scale = values.scale,
          *shift = values.shift, *slope = values.slope;
  const u8* index = g.index;
  T *upper_dx = g.dx, *lower_dx = g.dx + g.row;
  const i64 channels = g.channels;
  Lane<T> taps[kTile];
  for (i64 first = 0; first < channels; first += kTile) {
    const i64 end = std::min(channels, first + kTile);
    convert_taps(taps, index + first, end - first);
#pragma GCC ivdep
    for (i64 c = first; c < end; ++c) {
      T dz = dy[c];
      if constexpr (relu) {
        const T from_mean = (best[c] - mean[c]) - mean_low[c];
        dz = from_mean * scale[c] + beta[c] <= T(0) ? T(0) : dz;
      }
      const Lane<T> at = taps[c - first];
      const auto dx = [&](T x, Lane<T> tap) {
        const T from_mean = (x - mean[c]) - mean_low[c];
        return scale[c] * ((at == tap ? dz : T(0)) - shift[c] - from_mean * slope[c]);
      };
      upper_dx[c] = dx(upper[c], 0);
      upper_dx[channels + c] = dx(upper[channels + c], 1);
      lower_dx[c] = dx(lower[c], 2);
      lower_dx[channels + c] = dx(lower[channels + c], 3);
    }
  }
}

// The gradient of a pixel that no window covers.
template <class T>
void gradient_of_pixel(T* dx, const T* x, const NormChannels<T>& values, i64 channels) {
#pragma GCC ivdep
  for (i64 c = 0; c < channels; ++c)
    dx[c] = values.scale[c] * (T(0) - values.shift[c] - centred(values, x[c], c) * values.slope[c]);
}

template <bool relu, class T>
void gradient_rows(T* dx, const PooledWindows<T>& windows, const T* x, const PooledImages& s,
                   const NormBackwardChannels<T>& c) {
  const i64 out_height = s.height / 2, out_width = s.width / 2, per_image = (s.height + 1) / 2;
  const auto pixel = [&](i64 row, i64 column) {
    const i64 at = (row * s.width + column) * s.channels;
    gradient_of_pixel(dx + at, x + at, c.values, s.channels);
  };
  for_window_rows(s, per_image, [&](i64 row) {
    const i64 image = row / per_image, i = row % per_image, top = image * s.height + 2 * i;
    if (i == out_height) {  // the last row of an odd height
      for (i64 column = 0; column < s.width; ++column) pixel(top, column);
      return;
    }
    for (i64 j = 0; j < out_width; ++j) {
      const i64 output = ((image * out_height + i) * out_width + j) * s.channels,
                input = (top * s.width + 2 * j) * s.channels;
      gradient_of_window<relu>(
          Gradient<T>{windows.dy + output, windows.best + output, windows.index + output, x + input,
                      dx + input, s.width * s.channels, s.channels},
          c.values, c.beta.data());
    }
    if (s.width % 2 != 0)
      for (const i64 below : {0, 1}) pixel(top + below, s.width - 1);
  });
}

template <class T>
void gradient(T* dx, const double* sums, const PooledWindows<T>& windows, const T* x,
              const PooledImages& s, const BatchNormParameters<T>& parameters, bool relu) {
  const NormBackwardChannels<T> c(parameters, s.channels);
  c.set_terms(sums, static_cast<double>(s.pixels()), s.channels);
  if (relu) gradient_rows<true>(dx, windows, x, s, c);
  else gradient_rows<false>(dx, windows, x, s, c);
}

}  // namespace

#define WEFT_BATCH_NORM_POOL(T)                                                               \
  template <>                                                                                 \
  void batch_norm_pool(Cpu, T* y, T* best, u8* index, const T* x, const PooledImages& images, \
                       const BatchNormParameters<T>& parameters, bool relu) {                 \
    forward(Pooled<T>{y, best, index}, x, images, parameters, relu);                          \
  }                                                                                           \
  template <>                                                                                 \
  void batch_norm_pool_dx(Cpu, T* dx, const double* sums, const PooledWindows<T>& windows,    \
                          const T* x, const PooledImages& images,                             \
                          const BatchNormParameters<T>& parameters, bool relu) {              \
    gradient(dx, sums, windows, x, images, parameters, relu);                                 \
  }
WEFT_BATCH_NORM_POOL(float)
WEFT_BATCH_NORM_POOL(double)

}  // namespace weft::kernels
