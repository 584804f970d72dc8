// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/nn/module.h"

namespace weft::nn {

struct LinearOptions {
  bool bias = true;
};

// y = x·wᵀ + b: x (…, in) → (…, out); weight (out, in), bias (out), initialised as PyTorch's.
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
  void settle_file_layout(const Tensor& x);
};

}  // namespace weft::nn
