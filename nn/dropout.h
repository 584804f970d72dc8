// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/nn/module.h"

namespace weft::nn {

// In training, each element is zero with probability p and 1/(1 − p) times itself otherwise; in
// evaluation, and for p = 0, nothing happens and no random number is drawn.
// Srivastava et al. 2014, JMLR 15
class Dropout : public Module {
 public:
  explicit Dropout(double p = 0.5);

  Variable forward(const Variable& x) override;
  std::string label() const override { return fmt::format("Dropout({})", p_); }

 private:
  double p_;
};

}  // namespace weft::nn
