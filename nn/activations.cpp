// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/activations.h"

namespace weft::nn {

const char* class_name(kernels::Activation activation) {
  using kernels::Activation;
  switch (activation) {
    case Activation::none: return "Identity";
    case Activation::relu: return "ReLU";
    case Activation::gelu: return "GELU";
    case Activation::silu: return "SiLU";
    case Activation::tanh: return "Tanh";
    case Activation::sigmoid: return "Sigmoid";
  }
  return "Identity";
}

AnyModule activation_named(const std::string& name) {
  if (name == "relu") return ReLU{};
  if (name == "gelu") return GELU{};
  if (name == "silu") return SiLU{};
  if (name == "tanh") return Tanh{};
  if (name == "sigmoid") return Sigmoid{};
  fail("activation: '{}' given; known: relu, gelu, silu, tanh, sigmoid", name);
}

Check activation_names() { return one_of({"relu", "gelu", "silu", "tanh", "sigmoid"}); }

}  // namespace weft::nn
