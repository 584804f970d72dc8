// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/few.h"
#include "weft/kernels/pool2d.h"

namespace weft::kernels {
namespace {

struct Range {
  i64 begin, end;
};
// The taps inside [0, size) of a window that begins at `origin`.
__device__ Range taps_inside(i64 origin, i64 kernel, i64 size) {
  return {origin < 0 ? -origin : 0, size - origin < kernel ? size - origin : kernel};
}
// The windows along one axis.
struct Windows {
  i64 kernel, stride, padding, count;

  // The windows that cover `at`. Window i begins at i·stride in padded coordinates.
  __device__ Range over(i64 at) const {
    const i64 last = at + padding;    // a window that covers `at` begins at or before `last`
    const i64 first = last - kernel;  // and after `first`
    const i64 end = divide(last, stride).quotient + 1;
    return {first < 0 ? 0 : divide(first, stride).quotient + 1, end < count ? end : count};
  }
};

// The pixel and the first of the kWidth channels that a thread processes.
struct Place {
  i64 image, i, j, c;
};
template <int kWidth>
__device__ Place place_of(i64 item, i64 height, i64 width, i64 channels) {
  const Division pixel = divide(item, channels / kWidth), row = divide(pixel.quotient, width),
                 image = divide(row.quotient, height);
  return {image.quotient, image.remainder, row.remainder, pixel.remainder * kWidth};
}

// Calls body(index in x, index of the tap) in order for the taps of an output inside the image.
template <class Body>
__device__ void each_tap(const Pool2dShape& s, const Place& at, const Body& body) {
  const i64 top = at.i * s.stride_h - s.padding_h, left = at.j * s.stride_w - s.padding_w;
  const Range rows = taps_inside(top, s.kernel_h, s.height),
              cols = taps_inside(left, s.kernel_w, s.width);
  for (i64 a = rows.begin; a < rows.end; ++a)
    for (i64 b = cols.begin; b < cols.end; ++b)
      body(((at.image * s.height + top + a) * s.width + left + b) * s.channels + at.c,
           a * s.kernel_w + b);
}
// Calls body(index in y, index of the tap) in order for the windows that cover a pixel of x.
template <class Body>
__device__ void each_window(const Pool2dShape& s, const Place& at, const Body& body) {
  const Range rows = Windows{s.kernel_h, s.stride_h, s.padding_h, s.out_height}.over(at.i),
              cols = Windows{s.kernel_w, s.stride_w, s.padding_w, s.out_width}.over(at.j);
  for (i64 i = rows.begin; i < rows.end; ++i)
    for (i64 j = cols.begin; j < cols.end; ++j)
      body(
          ((at.image * s.out_height + i) * s.out_width + j) * s.channels + at.c,
          (at.i - i * s.stride_h + s.padding_h) * s.kernel_w + at.j - j * s.stride_w + s.padding_w);
}

template <class T, class Index, int kWidth>
__global__ void __launch_bounds__(kThreads)
    max_pool_kernel(T* y, Index* index, const T* x, Pool2dShape s, i64 items) {
  using C = Compute<T>;
  for (i64 item = first_index(); item < items; item += grid_stride()) {
    const Place at = place_of<kWidth>(item, s.out_height, s.out_width, s.channels);
    C best[kWidth] = {};
    i32 best_at[kWidth] = {};
    bool started = false;
    each_tap(s, at, [&](i64 from, i64 tap) {
      const auto in = few_at<kWidth>(x, from);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        const C value = static_cast<C>(in.value[k]);
        const bool takes = !started || value > best[k] || (value != value && best[k] == best[k]);
        best[k] = takes ? value : best[k];
        best_at[k] = takes ? static_cast<i32>(tap) : best_at[k];
      }
      started = true;
    });
    Few<T, kWidth> out;
    Few<Index, kWidth> taps;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      out.value[k] = static_cast<T>(best[k]);
      taps.value[k] = static_cast<Index>(best_at[k]);
    }
    put_few(y, item * kWidth, out);
    if (index != nullptr) put_few(index, item * kWidth, taps);
  }
}

template <class T, class Index, int kWidth>
__global__ void __launch_bounds__(kThreads)
    max_pool_backward_kernel(T* dx, const T* dy, const Index* index, Pool2dShape s, i64 items) {
  using C = Compute<T>;
  using Total = Accumulate<T>;
  for (i64 item = first_index(); item < items; item += grid_stride()) {
    Total sum[kWidth] = {};
    each_window(s, place_of<kWidth>(item, s.height, s.width, s.channels), [&](i64 from, i64 tap) {
      const auto grad = few_at<kWidth>(dy, from);
      const auto chosen = few_at<kWidth>(index, from);
#pragma unroll
      for (int k = 0; k < kWidth; ++k)
        sum[k] += chosen.value[k] == static_cast<Index>(tap)
                      ? static_cast<Total>(static_cast<C>(grad.value[k]))
                      : Total(0);
    });
    Few<T, kWidth> out;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) out.value[k] = converted<T>(sum[k]);
    put_few(dx, item * kWidth, out);
  }
}

// Forward, y = Σ of the taps / divisor. Backward, y is dx, x is dy, and dx = Σ of the windows /
// divisor.
template <class T, bool kBackward, int kWidth>
__global__ void __launch_bounds__(kThreads)
    avg_pool_kernel(T* y, const T* x, i64 divisor, Pool2dShape s, i64 items) {
  using C = Compute<T>;
  using Total = Accumulate<T>;
  for (i64 item = first_index(); item < items; item += grid_stride()) {
    Total sum[kWidth] = {};
    const auto add = [&](i64 from, i64) {
      const auto in = few_at<kWidth>(x, from);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) sum[k] += static_cast<Total>(static_cast<C>(in.value[k]));
    };
    if constexpr (kBackward)
      each_window(s, place_of<kWidth>(item, s.height, s.width, s.channels), add);
    else each_tap(s, place_of<kWidth>(item, s.out_height, s.out_width, s.channels), add);
    Few<T, kWidth> out;
#pragma unroll
    for (int k = 0; k < kWidth; ++k)
      out.value[k] = converted<T>(sum[k] / static_cast<Total>(divisor));
    put_few(y, item * kWidth, out);
  }
}

// Calls run.operator()<kWidth>(). kWidth is 4 if the channels are a multiple of 4 and all arrays
// are aligned, otherwise 1.
template <class Run, class... Array>
void with_width(i64 channels, const Run& run, const Array*... array) {
  if (channels % 4 == 0 && (is_aligned(array) && ...)) run.template operator()<4>();
  else run.template operator()<1>();
}

i64 inputs(const Pool2dShape& s) { return s.batch * s.height * s.width * s.channels; }
i64 outputs(const Pool2dShape& s) { return s.batch * s.out_height * s.out_width * s.channels; }
i64 taps(const Pool2dShape& s) { return s.kernel_h * s.kernel_w; }

template <class T, class Index>
void max_forward(Cuda device, T* y, Index* index, const T* x, const Pool2dShape& s) {
  if (outputs(s) == 0) return;
  with_width(
      s.channels,
      [&]<int kWidth>() {
        const i64 items = outputs(s) / kWidth;
        launch<max_pool_kernel<T, Index, kWidth>>(on(device, blocks_for(items)), y, index, x, s,
                                                  items);
      },
      y, x, index);
}

template <class T, class Index>
void max_backward(Cuda device, T* dx, const T* dy, const Index* index, const Pool2dShape& s) {
  if (inputs(s) == 0) return;
  with_width(
      s.channels,
      [&]<int kWidth>() {
        const i64 items = inputs(s) / kWidth;
        launch<max_pool_backward_kernel<T, Index, kWidth>>(on(device, blocks_for(items)), dx, dy,
                                                           index, s, items);
      },
      dx, dy, index);
}

template <class T>
void avg_forward(Cuda device, T* y, const T* x, const Pool2dShape& s) {
  if (outputs(s) == 0) return;
  with_width(
      s.channels,
      [&]<int kWidth>() {
        const i64 items = outputs(s) / kWidth;
        launch<avg_pool_kernel<T, false, kWidth>>(on(device, blocks_for(items)), y, x, taps(s), s,
                                                  items);
      },
      y, x);
}

template <class T>
void avg_backward(Cuda device, T* dx, const T* dy, const Pool2dShape& s) {
  if (inputs(s) == 0) return;
  with_width(
      s.channels,
      [&]<int kWidth>() {
        const i64 items = inputs(s) / kWidth;
        launch<avg_pool_kernel<T, true, kWidth>>(on(device, blocks_for(items)), dx, dy, taps(s), s,
                                                 items);
      },
      dx, dy);
}

}  // namespace

#define WEFT_MAX_POOL2D(T, Index)                                                          \
  template <>                                                                              \
  void max_pool2d(Cuda device, T* y, Index* index, const T* x, const Pool2dShape& shape) { \
    max_forward(device, y, index, x, shape);                                               \
  }                                                                                        \
  template <>                                                                              \
  void max_pool2d_backward(Cuda device, T* dx, const T* dy, const Index* index,            \
                           const Pool2dShape& shape) {                                     \
    max_backward(device, dx, dy, index, shape);                                            \
  }
#define WEFT_POOL2D(T)                                                                  \
  WEFT_MAX_POOL2D(T, u8)                                                                \
  WEFT_MAX_POOL2D(T, i32)                                                               \
  template <>                                                                           \
  void avg_pool2d(Cuda device, T* y, const T* x, const Pool2dShape& shape) {            \
    avg_forward(device, y, x, shape);                                                   \
  }                                                                                     \
  template <>                                                                           \
  void avg_pool2d_backward(Cuda device, T* dx, const T* dy, const Pool2dShape& shape) { \
    avg_backward(device, dx, dy, shape);                                                \
  }
WEFT_POOL2D(float)
WEFT_POOL2D(double)
WEFT_POOL2D(half)
WEFT_POOL2D(bfloat16)

}  // namespace weft::kernels
