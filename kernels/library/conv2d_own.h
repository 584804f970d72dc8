// SPDX-License-Identifier: Apache-2.0
// What weft's own convolutions on the CPU (winograd.h, narrow_groups.h) share.
#pragma once
#include <utility>

#include "weft/kernels/library/conv2d.h"

namespace weft::kernels {

// What these convolutions compute of bias and activation while a result is in registers: the bias
// and relu.
struct BiasAndRelu {
  BiasAndRelu() = default;
  BiasAndRelu(const float* values, Activation activation)
      : bias(values), relu(activation == Activation::relu) {}
  const float* bias = nullptr;
  bool relu = false;
};

// Applies each activation that BiasAndRelu leaves out: any but relu.
inline void activate_otherwise(float* y, Activation activation, const Conv2dShape& s) {
  if (activation == Activation::none || activation == Activation::relu) return;
  add_bias_and_activate<float>(Cpu{}, {y, s.batch * s.out_height * s.out_width, s.out_channels},
                               nullptr, activation);
}

// The gradient of x with a 3×3 kernel, stride 1 and dilation 1 is the convolution of this shape of
// dy with the weights turned by 180°.
inline Conv2dShape shape_of_input_gradient(const Conv2dShape& s) {
  Conv2dShape back = s;
  std::swap(back.channels, back.out_channels);
  std::swap(back.height, back.out_height);
  std::swap(back.width, back.out_width);
  back.padding = {2 - s.padding.h, 2 - s.padding.w};
  return back;
}

}  // namespace weft::kernels
