// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/nn/module.h"
#include "weft/tensor/ops.h"

namespace weft::nn {

struct ConvOptions {
  HeightWidth stride = 1, padding = 0, dilation = 1;
  i64 groups = 1;
  bool bias = true;
};

// 2-d convolution: x (batch, height, width, in) → (batch, out_height, out_width, out). weight is
// (out, kernel_h, kernel_w, in/groups) in memory and (out, in/groups, kernel_h, kernel_w) in files;
// bias is (out). The initial values are drawn as in PyTorch.
class Conv2d : public Module {
 public:
  Conv2d(i64 in, i64 out, HeightWidth kernel, ConvOptions options = {});

  void parts(Parts& p) override { p("weight", weight)("bias", bias); }
  Variable forward(const Variable& x) override;
  Variable forward_fused(const Variable& x, kernels::Activation activation) override;
  bool fuses(kernels::Activation) const override { return true; }
  std::string label() const override;

  Parameter weight, bias;

 private:
  Conv2dOptions options_;
};

}  // namespace weft::nn
