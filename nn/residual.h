// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/nn/sequential.h"

namespace weft::nn {

// Computes layers(x) + shortcut(x), where an empty shortcut is x itself. The two have one shape.
// Source: He et al. 2016, arXiv:1512.03385.
class Residual : public Module {
 public:
  explicit Residual(Sequential layers, Sequential shortcut = {})
      : layers_(std::move(layers)), shortcut_(std::move(shortcut)) {}

  void parts(Parts& p) override { p("layers", layers_)("shortcut", shortcut_); }
  Variable forward(const Variable& x) override;
  std::string label() const override { return "Residual"; }

 private:
  Sequential layers_, shortcut_;
};

}  // namespace weft::nn
