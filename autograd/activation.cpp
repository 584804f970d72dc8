// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/activation.h"

#include "weft/autograd/ops.h"

namespace weft {

using kernels::Activation;

const char* name_of(Activation activation) {
  switch (activation) {
    case Activation::none: return "none";
    case Activation::relu: return "relu";
    case Activation::gelu: return "gelu";
    case Activation::silu: return "silu";
    case Activation::tanh: return "tanh";
    case Activation::sigmoid: return "sigmoid";
  }
  return "none";
}

bool slope_from_output(Activation activation) {
  return activation == Activation::none || activation == Activation::relu ||
         activation == Activation::tanh || activation == Activation::sigmoid;
}

Variable activate(const Variable& x, Activation activation) {
  switch (activation) {
    case Activation::none: return x;
    case Activation::relu: return relu(x);
    case Activation::gelu: return gelu(x);
    case Activation::silu: return silu(x);
    case Activation::tanh: return tanh(x);
    case Activation::sigmoid: return sigmoid(x);
  }
  return x;
}

void activation_backward(Tensor& dx, const Tensor& dy, const Tensor& y, Activation activation) {
  switch (activation) {
    case Activation::relu: return unary_backward<kernels::Relu>(dx, dy, y);
    case Activation::tanh: return unary_backward<kernels::Tanh>(dx, dy, y);
    case Activation::sigmoid: return unary_backward<kernels::Sigmoid>(dx, dy, y);
    default: fail("activation_backward: the slope of {} needs its input", name_of(activation));
  }
}

}  // namespace weft
