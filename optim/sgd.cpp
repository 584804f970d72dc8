// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/sgd.h"

#include "weft/kernels/optim/sgd.h"

namespace weft::optim {

void describe(Fields& f, SGDOptions& o) {
  f("lr", o.lr, "learning rate", positive);
  f("momentum", o.momentum, "share of the last update kept", from_to_below(0, 1));
  f("nesterov", o.nesterov, "look ahead along the momentum");
  f("weight_decay", o.weight_decay, "L2 penalty", non_negative);
  f("param_groups", o.param_groups, "rates and decays by parameter name");
  f.rule(!o.nesterov || o.momentum > 0, "nesterov", "a momentum above 0");
}

Optimizer::Rates SGD::rates_of(SGDOptions options) {
  validate("sgd", section_ref(options));
  return {options.lr, options.momentum, options.weight_decay};
}

SGD::SGD(const nn::NamedParameters& parameters, const SGDOptions& options)
    : Optimizer(parameters, rates_of(options), options.momentum > 0 ? 1 : 0, options.param_groups),
      has_momentum_(options.momentum > 0),
      nesterov_(options.nesterov) {}

void SGD::set_momentum(double momentum) {
  WEFT_CHECK(
      has_momentum_,
      "sgd: momentum {} set on an optimizer built without; a momentum above 0 in its options is "
      "required",
      momentum);
  Optimizer::set_momentum(momentum);
}

std::vector<std::string> SGD::slot_names() const {
  if (has_momentum_) return {"momentum"};
  return {};
}

void SGD::update(const kernels::ParameterTable<float>& table, const kernels::StepControl* control) {
  std::visit([&](auto device) { kernels::sgd_step(device, table, control, nesterov_); },
             parameters().values().device());
}

void SGD::update(const kernels::ParameterTable<double>& table,
                 const kernels::StepControl* control) {
  std::visit([&](auto device) { kernels::sgd_step(device, table, control, nesterov_); },
             parameters().values().device());
}

static const bool registered = add_optimizer<SGD, SGDOptions>("sgd");

OptimizerRecipe sgd(const SGDOptions& options) { return OptimizerRecipe::of("sgd", options); }

}  // namespace weft::optim
