// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/linear.h"

#include "weft/autograd/ops.h"
#include "weft/nn/init.h"

namespace weft::nn {

Linear::Linear(i64 in, i64 out, LinearOptions options) {
  WEFT_CHECK(in >= 1 && out >= 1, "Linear: {} inputs and {} outputs given; both must be at least 1",
             in, out);
  weight = Parameter(Tensor::empty({out, in}));
  if (options.bias) bias = Parameter(Tensor::empty({out}));
  init::default_linear(weight.value(), options.bias ? bias.value() : Tensor());
}

Variable Linear::forward(const Variable& x) { return linear(x, weight, bias); }

Variable Linear::forward_fused(const Variable& x, kernels::Activation activation) {
  return linear(x, weight, bias, activation);
}

std::string Linear::label() const {
  return fmt::format("Linear({}, {})", weight.value().size(1), weight.value().size(0));
}

}  // namespace weft::nn
