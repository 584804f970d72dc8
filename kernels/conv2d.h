// SPDX-License-Identifier: Apache-2.0
// 2-d convolution (cross-correlation, as in every deep-learning library), and its gradients.
//   math     y[n,i,j,o] = act(bias[o] + Σ_{a,b,c} x[n, i·sh − ph + a·dh, j·sw − pw + b·dw, first(o) + c]·w[o,a,b,c]),
//            x = 0 outside of the image; first(o) = channels/groups · (o div out_channels/groups)
//            dx, dw, dbias = the gradients for act = none
//   shapes   x (batch, height, width, channels), w (out_channels, kernel_h, kernel_w, channels/groups),
//            bias (out_channels) or null, y (batch, out_height, out_width, out_channels)
//   saved    x, w; for the backward of act: y
//   aliasing none
//   source   oneDNN (float) where found, else patches (im2col; Chellapilla et al. 2006) times a matrix, by Eigen
#pragma once
#include "weft/kernels/matmul.h"

namespace weft::kernels {

struct Conv2dShape {
  i64 batch = 0, height = 0, width = 0, channels = 0;
  i64 out_height = 0, out_width = 0, out_channels = 0;
  i64 kernel_h = 1, kernel_w = 1;
  i64 stride_h = 1, stride_w = 1, padding_h = 0, padding_w = 0, dilation_h = 1, dilation_w = 1;
  i64 groups = 1;
};

template <class T>
void conv2d(Cpu, T* y, const T* x, const T* w, const T* bias, Activation activation,
            const Conv2dShape& shape);
template <class T>
void conv2d(Cuda, T* y, const T* x, const T* w, const T* bias, Activation activation,
            const Conv2dShape& shape);
template <class T>
void conv2d_input_gradient(Cpu, T* dx, const T* dy, const T* w, const Conv2dShape& shape);
template <class T>
void conv2d_input_gradient(Cuda, T* dx, const T* dy, const T* w, const Conv2dShape& shape);
// `dbias` may be null.
template <class T>
void conv2d_weight_gradient(Cpu, T* dw, T* dbias, const T* dy, const T* x,
                            const Conv2dShape& shape);
template <class T>
void conv2d_weight_gradient(Cuda, T* dw, T* dbias, const T* dy, const T* x,
                            const Conv2dShape& shape);

}  // namespace weft::kernels
