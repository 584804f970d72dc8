// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/conv2d.h"

#include "weft/autograd/ops.h"
#include "weft/nn/init.h"
#include "weft/nn/layer.h"

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

namespace {

struct ConvLayer {
  i64 out = 1, kernel = 3, stride = 1, padding = 0, dilation = 1, groups = 1;
  bool bias = true;
};
void describe(Fields& f, ConvLayer& o) {
  f("out", o.out, "output channels", required(at_least(1)));
  f("kernel", o.kernel, "height and width of the kernel", at_least(1));
  f("stride", o.stride, "step of the kernel", at_least(1));
  f("padding", o.padding, "zeros added on each side; kernel / 2 keeps the size", non_negative);
  f("dilation", o.dilation, "distance of the kernel's elements", at_least(1));
  f("groups", o.groups, "groups of channels that are convolved by themselves", at_least(1));
  f("bias", o.bias, "whether a bias is added");
}

AnyModule make_conv(const ConvLayer& o, const LayerInput& input) {
  return Conv2d{input.channels("conv"),
                o.out,
                o.kernel,
                {.stride = o.stride,
                 .padding = o.padding,
                 .dilation = o.dilation,
                 .groups = o.groups,
                 .bias = o.bias}};
}

const bool registered = Registry<Layer>::add<ConvLayer>("conv", make_conv);

}  // namespace

}  // namespace weft::nn
