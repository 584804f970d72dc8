// SPDX-License-Identifier: Apache-2.0
// Activations as modules. Inside a Sequential the preceding layer computes the activation where it
// can.
#pragma once
#include "weft/autograd/activation.h"
#include "weft/core/check.h"
#include "weft/nn/module.h"

namespace weft::nn {

// "ReLU"
const char* class_name(kernels::Activation activation);

template <kernels::Activation kActivation>
class ActivationModule : public Module {
 public:
  Variable forward(const Variable& x) override { return activate(x, kActivation); }
  kernels::Activation activation() const override { return kActivation; }
  std::string label() const override { return class_name(kActivation); }
};

using ReLU = ActivationModule<kernels::Activation::relu>;
using GELU = ActivationModule<kernels::Activation::gelu>;
using SiLU = ActivationModule<kernels::Activation::silu>;
using Tanh = ActivationModule<kernels::Activation::tanh>;
using Sigmoid = ActivationModule<kernels::Activation::sigmoid>;

// The module for "relu", "gelu", "silu", "tanh" or "sigmoid". Throws UserError with the known names
// for another name.
AnyModule activation_named(const std::string& name);
// A check that accepts these names, for describe().
Check activation_names();

}  // namespace weft::nn
