// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/core/fields.h"
#include "weft/nn/module.h"

namespace weft::nn {

struct LayerNormOptions {
  double eps = 1e-5;
};
void describe(Fields& f, LayerNormOptions& o);

// Normalises each row of x (…, columns) to mean 0 and variance 1, then multiplies by weight
// (columns) and adds bias (columns). Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(i64 columns, LayerNormOptions options = {});

  void parts(Parts& p) override { p("weight", weight)("bias", bias); }
  Variable forward(const Variable& x) override;
  std::string label() const override;

  Parameter weight, bias;

 private:
  double eps_;
};

}  // namespace weft::nn
