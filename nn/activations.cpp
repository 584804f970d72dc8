// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/activations.h"
#include "weft/nn/layer.h"

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

namespace {

bool add_activation(const std::string& name) {
  return Registry<Layer>::add<NoOptions>(
      name, [name](const NoOptions&, const LayerInput& input) -> AnyModule {
        (void)input.features(name.c_str());
        return activation_named(name);
      });
}

const bool registered = add_activation("relu") && add_activation("gelu") &&
                        add_activation("silu") && add_activation("tanh") &&
                        add_activation("sigmoid");

}  // namespace

}  // namespace weft::nn
