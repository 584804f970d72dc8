// SPDX-License-Identifier: Apache-2.0
// 2-d convolution (cross-correlation, as in PyTorch) and its gradients.
//   math     y[n,i,j,o] = act(bias[o] + Σ_{a,b,c}
//                x[n, i·sh − ph + a·dh, j·sw − pw + b·dw, first(o) + c]·w[o,a,b,c])
//            x = 0 outside the image
//            first(o) = channels/groups · (o div out_channels/groups)
//            dx, dw, dbias = the gradients for act = none
//   shapes   x (batch, height, width, channels),
//            w (out_channels, kernel_h, kernel_w, channels/groups),
//            bias (out_channels) or null, y (batch, out_height, out_width, out_channels)
//   types    as in matmul.h: the operands have type T, the result and the bias have type C
//   saved    x, w; y for the backward of act
//   aliasing none
//   source   CPU: Winograd's filtering or the kernels of narrow_groups.h for the shapes for which
//            they are faster (conv2d_method.h), otherwise oneDNN (float) if the build has it,
//            otherwise im2col (Chellapilla et al. 2006) and a matrix product by Eigen; GPU: cuDNN
#pragma once
#include "weft/kernels/library/matmul.h"

namespace weft::kernels {

// A vertical and a horizontal value.
struct Pair2d {
  i64 h = 0, w = 0;
};
// A saved plan lists these values in this order (conv2d_plans.h).
struct Conv2dShape {
  i64 batch = 0, height = 0, width = 0, channels = 0;
  i64 out_height = 0, out_width = 0, out_channels = 0;
  Pair2d kernel{1, 1}, stride{1, 1}, padding{0, 0}, dilation{1, 1};
  i64 groups = 1;
};
// The number of elements of x, y and w.
inline i64 inputs(const Conv2dShape& s) { return s.batch * s.height * s.width * s.channels; }
inline i64 outputs(const Conv2dShape& s) {
  return s.batch * s.out_height * s.out_width * s.out_channels;
}
inline i64 weights(const Conv2dShape& s) {
  return s.out_channels * s.kernel.h * s.kernel.w * (s.channels / s.groups);
}

template <class T, class C, class Device>
void conv2d(Device device, C* y, const T* x, const T* w, const C* bias, Activation activation,
            const Conv2dShape& shape);
template <class T, class C, class Device>
void conv2d_input_gradient(Device device, C* dx, const T* dy, const T* w, const Conv2dShape& shape);
// `dbias` may be null.
template <class T, class C, class Device>
void conv2d_weight_gradient(Device device, C* dw, C* dbias, const T* dy, const T* x,
                            const Conv2dShape& shape);

}  // namespace weft::kernels
