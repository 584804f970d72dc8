// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/conv2d.h"

#include "weft/autograd/ops.h"
#include "weft/nn/init.h"

namespace weft::nn {

Conv2d::Conv2d(i64 in, i64 out, HeightWidth kernel, ConvOptions o)
    : options_{
          .stride = o.stride, .padding = o.padding, .dilation = o.dilation, .groups = o.groups} {
  WEFT_CHECK(in >= 1 && out >= 1 && kernel.h >= 1 && kernel.w >= 1,
             "Conv2d: {} inputs, {} outputs and a kernel of {} × {} given; all must be at least 1",
             in, out, kernel.h, kernel.w);
  WEFT_CHECK(
      o.groups >= 1 && in % o.groups == 0 && out % o.groups == 0,
      "Conv2d: {} inputs, {} outputs and {} groups given; inputs and outputs must be multiples of "
      "the groups",
      in, out, o.groups);
  weight = Parameter(Tensor::empty({out, kernel.h, kernel.w, in / o.groups}),
                     {.kind = FileLayout::Kind::convolution});
  if (o.bias) bias = Parameter(Tensor::empty({out}));
  init::default_linear(weight.value(), o.bias ? bias.value() : Tensor());
}

Variable Conv2d::forward(const Variable& x) { return conv2d(x, weight, bias, options_); }

Variable Conv2d::forward_fused(const Variable& x, kernels::Activation activation) {
  Conv2dOptions options = options_;
  options.activation = activation;
  return conv2d(x, weight, bias, options);
}

std::string Conv2d::label() const {
  const Shape& w = weight.value().shape();
  std::string text = fmt::format("Conv2d({}, {}, {}×{}", w[3] * options_.groups, w[0], w[1], w[2]);
  if (options_.stride.h != 1 || options_.stride.w != 1)
    text += fmt::format(", stride {}×{}", options_.stride.h, options_.stride.w);
  if (options_.groups != 1) text += fmt::format(", {} groups", options_.groups);
  return text + ")";
}

}  // namespace weft::nn
