// SPDX-License-Identifier: Apache-2.0
// Adam and AdamW (the formula is in kernels/optim/adam.h).
#pragma once
#include "weft/kernels/optim/adam.h"
#include "weft/optim/optimizer.h"

namespace weft::optim {

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;  // L2 penalty, added to the gradient
  std::vector<ParamGroup> param_groups = {};
};
void describe(Fields& f, AdamOptions& o);

struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;  // decoupled: multiplies parameters by 1 − lr·weight_decay
  std::vector<ParamGroup> param_groups = {};
};
void describe(Fields& f, AdamWOptions& o);

class Adam : public Optimizer {
 public:
  // Throws UserError for options out of range and a glob that matches no parameter.
  Adam(const nn::NamedParameters& parameters, const AdamOptions& options = {});

 protected:
  template <class Options>
  static Rates rates_of(const char* name, Options options);
  Adam(const nn::NamedParameters& parameters, const Rates& rates,
       const kernels::AdamConstants& constants, const std::vector<ParamGroup>& groups);

 private:
  void update(const AnyTable& table, const kernels::StepControl* control) override;

  kernels::AdamConstants constants_;
};

class AdamW : public Adam {
 public:
  AdamW(const nn::NamedParameters& parameters, const AdamWOptions& options = {});
};

OptimizerRecipe adam(const AdamOptions& options = {});
OptimizerRecipe adamw(const AdamWOptions& options = {});

}  // namespace weft::optim
