// SPDX-License-Identifier: Apache-2.0
// Pooling over windows of images.
//   math     max: y[n,i,j,c] = max of x[n, i·sh − ph + a, j·sw − pw + b, c] over the taps
//            (a, b) inside the image; NaN is larger than any other value
//            index = a·kernel_w + b of the first such tap
//            dx = Σ of dy over the windows whose maximum is this element
//            avg: y = Σ of the taps inside the image / (kernel_h·kernel_w)
//   shapes   x (batch, height, width, channels)
//            y and index (batch, out_height, out_width, channels)
//   saved    max: index; avg: nothing
//   aliasing none
//   source   one thread computes each output, and each row of dx in the backward pass, so no sum
//            depends on the number of threads
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft::kernels {

// Every window covers at least one pixel of the image.
struct Pool2dShape {
  i64 batch = 0, height = 0, width = 0, channels = 0;
  i64 out_height = 0, out_width = 0;
  i64 kernel_h = 1, kernel_w = 1;
  i64 stride_h = 1, stride_w = 1, padding_h = 0, padding_w = 0;
};

// Index is u8 if the window has at most 255 taps, otherwise i32. `index` of the forward pass may be
// null.
template <class T, class Index, class Device>
void max_pool2d(Device device, T* y, Index* index, const T* x, const Pool2dShape& shape);
template <class T, class Index, class Device>
void max_pool2d_backward(Device device, T* dx, const T* dy, const Index* index,
                         const Pool2dShape& shape);
template <class T, class Device>
void avg_pool2d(Device device, T* y, const T* x, const Pool2dShape& shape);
template <class T, class Device>
void avg_pool2d_backward(Device device, T* dx, const T* dy, const Pool2dShape& shape);

}  // namespace weft::kernels
