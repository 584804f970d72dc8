// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/nn/module.h"

namespace weft::nn {

struct LinearOptions {
  bool bias = true;
};

// Computes y = x·wᵀ + b: x (…, in) → (…, out). weight is (out, in) and bias (out). The initial
// values are drawn as in PyTorch.
class Linear : public Module {
 public:
  Linear(i64 in, i64 out, LinearOptions options = {});

  void parts(Parts& p) override { p("weight", weight)("bias", bias); }
  Variable forward(const Variable& x) override;
  Variable forward_fused(const Variable& x, kernels::Activation activation) override;
  bool fuses(kernels::Activation) const override { return true; }
  std::string label() const override;

  Parameter weight, bias;

 private:
  // Fixes the file layout of the weight by the first input (Note [Flatten and file layout]).
  void fix_file_layout(const Tensor& x);
};

}  // namespace weft::nn
