// SPDX-License-Identifier: Apache-2.0
// Stochastic gradient descent (the formula is in kernels/optim/sgd.h).
#pragma once
#include "weft/optim/optimizer.h"

namespace weft::optim {

struct SGDOptions {
  double lr = 0.01;
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;  // L2 penalty, added to the gradient
  std::vector<ParamGroup> param_groups = {};
};
void describe(Fields& f, SGDOptions& o);

class SGD : public Optimizer {
 public:
  // Throws UserError for options out of range and a glob that matches no parameter.
  SGD(const nn::NamedParameters& parameters, const SGDOptions& options = {});

  void set_momentum(double momentum) override;

 private:
  static Rates rates_of(SGDOptions options);
  static std::vector<std::string> slots_of(const SGDOptions& options);
  void update(const AnyTable& table, const kernels::StepControl* control) override;

  bool nesterov_;
};

OptimizerRecipe sgd(const SGDOptions& options = {});

}  // namespace weft::optim
