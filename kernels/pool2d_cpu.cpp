// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/pool2d.h"

#include <algorithm>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

constexpr i64 kTile = 64;  // channels whose partial results fit into registers or the L1 cache
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

template <class T, class Index>
void max_forward(T* y, Index* index, const T* x, const Pool2dShape& s) {
  // The index of the maximum is as wide as T, so that both have the same number of vector lanes.
  using Lane = std::conditional_t<sizeof(T) == 4, i32, i64>;
  for_each_output(s, [&](i64 row, i64 j, i64 first, i64 channels) {
    T best[kTile];
    Lane best_at[kTile];
    bool started = false;
    for_each_tap(x, s, row, j, [&](const T* pixel, i64 tap) {
      const T* value = pixel + first;
      const Lane at = static_cast<Lane>(tap);
      if (!started) {
        for (i64 c = 0; c < channels; ++c) best[c] = value[c], best_at[c] = at;
      } else {
        for (i64 c = 0; c < channels; ++c) {
          const bool takes = value[c] > best[c] || (value[c] != value[c] && best[c] == best[c]);
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
