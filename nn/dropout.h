// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/nn/module.h"

namespace weft::nn {

// In training, each element becomes 0 with probability p and x/(1 − p) otherwise. In evaluation,
// and for p = 0, the output is the input and no random number is drawn. Source: Srivastava et al.
// 2014, JMLR 15.
class Dropout : public Module {
 public:
  explicit Dropout(double p = 0.5);

  Variable forward(const Variable& x) override;
  std::string label() const override { return fmt::format("Dropout({})", p_); }

 private:
  double p_;
};

}  // namespace weft::nn
