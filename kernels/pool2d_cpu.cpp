// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/pool2d.h"

#include <algorithm>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/common/best.h"
#include "weft/kernels/common/scratch.h"
#include "weft/kernels/pool2d_taps.h"

namespace weft::kernels {
namespace {

constexpr i64 kGrain = 16 * 1024;  // the fewest elements that a thread processes

struct Range {
  i64 begin, end;
};

// The taps inside [0, size) of a window that begins at `origin`.
Range taps_inside(i64 origin, i64 kernel, i64 size) {
  return {std::max<i64>(0, -origin), std::min(kernel, size - origin)};
}

// The rows [begin, end) of windows that cover row `at` of the image. Window i begins at i·stride_h
// in padded coordinates.
Range windows_over(i64 at, const Pool2dShape& s) {
  const i64 last = at + s.padding_h;    // a window that covers `at` begins at or before `last`
  const i64 first = last - s.kernel_h;  // and after `first`
  return {first < 0 ? 0 : first / s.stride_h + 1, std::min(s.out_height, last / s.stride_h + 1)};
}

// Calls body(x at the tap, index of the tap) for the taps of output pixel (row, j) that lie inside
// the image.
template <class T, class Body>
void for_each_tap(const T* x, const Pool2dShape& s, i64 row, i64 j, const Body& body) {
  const i64 top = row % s.out_height * s.stride_h - s.padding_h,
            left = j * s.stride_w - s.padding_w;
  const T* image = x + row / s.out_height * s.height * s.width * s.channels;
  const Range rows = taps_inside(top, s.kernel_h, s.height),
              cols = taps_inside(left, s.kernel_w, s.width);
  for (i64 a = rows.begin; a < rows.end; ++a)
    for (i64 b = cols.begin; b < cols.end; ++b)
      body(image + ((top + a) * s.width + left + b) * s.channels, a * s.kernel_w + b);
}

// Calls body(row, j, first channel, channels) for every output pixel and every tile of channels.
template <class Body>
void for_each_output(const Pool2dShape& s, const Body& body) {
  const i64 work = s.out_width * s.channels * s.kernel_h * s.kernel_w;
  parallel_for(s.batch * s.out_height, kGrain / std::max<i64>(work, 1) + 1,
               [&](i64 begin, i64 end) {
                 simd([&] {
                   for (i64 row = begin; row < end; ++row)
                     for (i64 j = 0; j < s.out_width; ++j)
                       for (i64 c = 0; c < s.channels; c += kTile)
                         body(row, j, c, std::min(kTile, s.channels - c));
                 });
               });
}

// Each row of dx gathers from the windows that cover it. Calls body(sums of the pixel, output
// pixel, tap) for each contribution. The sums are double where windows overlap, else T.
template <class Sum, class T, class Body>
void gather_rows_of(T* dx, const Pool2dShape& s, const Body& body) {
  const i64 work = s.width * s.channels * s.kernel_h, length = s.width * s.channels;
  constexpr bool kInPlace = std::is_same_v<Sum, T>;
  parallel_for(s.batch * s.height, kGrain / std::max<i64>(work, 1) + 1, [&](i64 begin, i64 end) {
    const Scratch<Sum, Cpu> sums(Cpu{}, kInPlace ? 0 : length);
    simd([&] {
      for (i64 row = begin; row < end; ++row) {
        Sum* line = sums.data();
        if constexpr (kInPlace) line = dx + row * length;
        std::fill_n(line, length, Sum(0));
        const i64 image = row / s.height, y = row % s.height;
        const Range rows = windows_over(y, s);
        for (i64 i = rows.begin; i < rows.end; ++i) {
          const i64 a = y - (i * s.stride_h - s.padding_h);
          for (i64 j = 0; j < s.out_width; ++j) {
            const i64 left = j * s.stride_w - s.padding_w;
            const Range cols = taps_inside(left, s.kernel_w, s.width);
            const i64 output = ((image * s.out_height + i) * s.out_width + j) * s.channels;
            for (i64 b = cols.begin; b < cols.end; ++b)
              body(line + (left + b) * s.channels, output, a * s.kernel_w + b);
          }
        }
        if constexpr (!kInPlace)
          for (i64 c = 0; c < length; ++c) dx[row * length + c] = static_cast<T>(line[c]);
      }
    });
  });
}
template <class T, class Body>
void for_each_contribution(T* dx, const Pool2dShape& s, const Body& body) {
  const bool overlap = s.stride_h < s.kernel_h || s.stride_w < s.kernel_w;
  if (overlap) gather_rows_of<double>(dx, s, body);
  else gather_rows_of<T>(dx, s, body);
}

// Whether Note [Windows of 2 × 2] applies.
bool is_tiled_by_2(const Pool2dShape& s) {
  return s.kernel_h == 2 && s.kernel_w == 2 && s.stride_h == 2 && s.stride_w == 2 &&
         s.padding_h == 0 && s.padding_w == 0;
}

// The pointers of one window: an output pixel and the first pixel of either row of taps.
template <class Output, class Index, class Taps>
struct Window {
  Output* output;
  Index* index;
  Taps *upper, *lower;
  i64 channels;
};

template <bool kIndex, class T, class Index>
void max_of_window(const Window<T, Index, const T> w) {
  const T *upper = w.upper, *lower = w.lower;
  T* output = w.output;
  Index* index = w.index;
  const i64 channels = w.channels;
  Lane<T> taps[kTile];
  for (i64 first = 0; first < channels; first += kTile) {
    const i64 end = std::min(channels, first + kTile);
#pragma GCC ivdep
    for (i64 c = first; c < end; ++c) {
      T best = upper[c];
      Lane<T> at = 0;
      const auto take = [&](T value, Lane<T> tap) {
        const bool takes = takes_over(value, best);
        best = takes ? value : best;
        at = takes ? tap : at;
      };
      take(upper[channels + c], 1);
      take(lower[c], 2);
      take(lower[channels + c], 3);
      output[c] = best;
      if constexpr (kIndex) taps[c - first] = at;
    }
    if constexpr (kIndex) convert_taps(index + first, taps, end - first);
  }
}

template <class T, class Index>
void gradient_of_window(const Window<const T, const Index, T> w) {
  T *upper = w.upper, *lower = w.lower;
  const T* dy = w.output;
  const Index* index = w.index;
  const i64 channels = w.channels;
  Lane<T> taps[kTile];
  for (i64 first = 0; first < channels; first += kTile) {
    const i64 end = std::min(channels, first + kTile);
    convert_taps(taps, index + first, end - first);
#pragma GCC ivdep
    for (i64 c = first; c < end; ++c) {
      const T grad = dy[c];
      const Lane<T> at = taps[c - first];
      upper[c] = at == 0 ? grad : T(0);
      upper[channels + c] = at == 1 ? grad : T(0);
      lower[c] = at == 2 ? grad : T(0);
      lower[channels + c] = at == 3 ? grad : T(0);
    }
  }
}

// Calls body(window) for each window of the output rows [begin, end).
template <class Output, class Index, class Taps, class Body>
void for_each_window(Output* y, Index* index, Taps* x, const Pool2dShape& s, i64 begin, i64 end,
                     const Body& body) {
  for (i64 row = begin; row < end; ++row) {
    const i64 top = row / s.out_height * s.height + row % s.out_height * 2;
    for (i64 j = 0; j < s.out_width; ++j) {
      const i64 output = (row * s.out_width + j) * s.channels;
      Taps* upper = x + (top * s.width + 2 * j) * s.channels;
      body(Window<Output, Index, Taps>{y + output, index != nullptr ? index + output : nullptr,
                                       upper, upper + s.width * s.channels, s.channels});
    }
  }
}

template <class Body>
void for_rows_of_windows(const Pool2dShape& s, const Body& body) {
  parallel_for(s.batch * s.out_height, kGrain / (4 * s.out_width * s.channels + 1) + 1,
               [&](i64 begin, i64 end) { simd([&] { body(begin, end); }); });
}

template <class T, class Index>
void max_of_windows(T* y, Index* index, const T* x, const Pool2dShape& s) {
  for_rows_of_windows(s, [&](i64 begin, i64 end) {
    const auto each = [&]<bool kIndex>() {
      for_each_window(y, index, x, s, begin, end,
                      [](const auto& window) { max_of_window<kIndex>(window); });
    };
    if (index != nullptr) each.template operator()<true>();
    else each.template operator()<false>();
  });
}

template <class T, class Index>
void gradient_of_windows(T* dx, const T* dy, const Index* index, const Pool2dShape& s) {
  const i64 row = s.width * s.channels;
  for_rows_of_windows(s, [&](i64 begin, i64 end) {
    for_each_window(dy, index, dx, s, begin, end,
                    [](const auto& window) { gradient_of_window(window); });
  });
  // An odd image has a last column and a last row that no window covers.
  if (s.width % 2 != 0)
    for (i64 y = 0; y < s.batch * s.height; ++y)
      std::fill_n(dx + (y + 1) * row - s.channels, s.channels, T(0));
  if (s.height % 2 != 0)
    for (i64 n = 1; n <= s.batch; ++n) std::fill_n(dx + (n * s.height - 1) * row, row, T(0));
}

template <class T, class Index>
void max_forward(T* y, Index* index, const T* x, const Pool2dShape& s) {
  if (is_tiled_by_2(s)) return max_of_windows(y, index, x, s);
  for_each_output(s, [&](i64 row, i64 j, i64 first, i64 channels) {
    T best[kTile];
    Lane<T> best_at[kTile];
    bool started = false;
    for_each_tap(x, s, row, j, [&](const T* pixel, i64 tap) {
      const T* value = pixel + first;
      const Lane<T> at = static_cast<Lane<T>>(tap);
      if (!started) {
        for (i64 c = 0; c < channels; ++c) best[c] = value[c], best_at[c] = at;
      } else {
        for (i64 c = 0; c < channels; ++c) {
          const bool takes = takes_over(value[c], best[c]);
          best[c] = takes ? value[c] : best[c];
          best_at[c] = takes ? at : best_at[c];
        }
      }
      started = true;
    });
    const i64 output = (row * s.out_width + j) * s.channels + first;
    for (i64 c = 0; c < channels; ++c) y[output + c] = best[c];
    if (index != nullptr)
      for (i64 c = 0; c < channels; ++c) index[output + c] = static_cast<Index>(best_at[c]);
  });
}

template <class T, class Index>
void max_backward(T* dx, const T* dy, const Index* index, const Pool2dShape& s) {
  if (is_tiled_by_2(s)) return gradient_of_windows(dx, dy, index, s);
  for_each_contribution(dx, s, [&](auto* pixel, i64 output, i64 tap) {
    const Index at = static_cast<Index>(tap);
    const T* grad = dy + output;
    const Index* chosen = index + output;
    for (i64 c = 0; c < s.channels; ++c)
      pixel[c] += static_cast<std::decay_t<decltype(*pixel)>>(chosen[c] == at ? grad[c] : T(0));
  });
}

template <class T>
void avg_forward(T* y, const T* x, const Pool2dShape& s) {
  const double taps = static_cast<double>(s.kernel_h * s.kernel_w);
  for_each_output(s, [&](i64 row, i64 j, i64 first, i64 channels) {
    double sum[kTile] = {};
    for_each_tap(x, s, row, j, [&](const T* pixel, i64) {
      for (i64 c = 0; c < channels; ++c) sum[c] += static_cast<double>(pixel[first + c]);
    });
    T* output = y + (row * s.out_width + j) * s.channels + first;
    for (i64 c = 0; c < channels; ++c) output[c] = static_cast<T>(sum[c] / taps);
  });
}

template <class T>
void avg_backward(T* dx, const T* dy, const Pool2dShape& s) {
  const T taps = static_cast<T>(s.kernel_h * s.kernel_w);
  for_each_contribution(dx, s, [&](auto* pixel, i64 output, i64) {
    for (i64 c = 0; c < s.channels; ++c)
      pixel[c] += static_cast<std::decay_t<decltype(*pixel)>>(dy[output + c] / taps);
  });
}

}  // namespace

#define WEFT_MAX_POOL2D(T, Index)                                                  \
  template <>                                                                      \
  void max_pool2d(Cpu, T* y, Index* index, const T* x, const Pool2dShape& shape) { \
    max_forward(y, index, x, shape);                                               \
  }                                                                                \
  template <>                                                                      \
  void max_pool2d_backward(Cpu, T* dx, const T* dy, const Index* index,            \
                           const Pool2dShape& shape) {                             \
    max_backward(dx, dy, index, shape);                                            \
  }
#define WEFT_POOL2D(T)                                                          \
  WEFT_MAX_POOL2D(T, u8)                                                        \
  WEFT_MAX_POOL2D(T, i32)                                                       \
  template <>                                                                   \
  void avg_pool2d(Cpu, T* y, const T* x, const Pool2dShape& shape) {            \
    avg_forward(y, x, shape);                                                   \
  }                                                                             \
  template <>                                                                   \
  void avg_pool2d_backward(Cpu, T* dx, const T* dy, const Pool2dShape& shape) { \
    avg_backward(dx, dy, shape);                                                \
  }
WEFT_POOL2D(float)
WEFT_POOL2D(double)

}  // namespace weft::kernels
