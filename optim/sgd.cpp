// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/sgd.h"

#include "weft/kernels/optim/sgd.h"

namespace weft::optim {

void describe(Fields& f, SGDOptions& o) {
  f("lr", o.lr, "learning rate", positive);
  f("momentum", o.momentum, "factor of the previous update in this one", from_to_below(0, 1));
  f("nesterov", o.nesterov, "whether the momentum is Nesterov's");
  f("weight_decay", o.weight_decay, "L2 penalty", non_negative_f32);
  f("param_groups", o.param_groups, "learning rates and weight decays by parameter name");
  f.rule(!o.nesterov || o.momentum > 0, "nesterov", "a momentum above 0");
}

Optimizer::Rates SGD::rates_of(SGDOptions options) {
  validate("sgd", section_ref(options));
  return {options.lr, options.momentum, options.weight_decay};
}

std::vector<std::string> SGD::slots_of(const SGDOptions& options) {
  if (options.momentum > 0) return {"momentum"};
  return {};
}

SGD::SGD(const nn::NamedParameters& parameters, const SGDOptions& options)
    : Optimizer(parameters, rates_of(options), slots_of(options), options.param_groups),
      nesterov_(options.nesterov) {}

void SGD::set_momentum(double momentum) {
  WEFT_CHECK(
      !slot_names().empty(),
      "sgd: momentum {} set on an optimizer built without; a momentum above 0 in its options is "
      "required",
      momentum);
  Optimizer::set_momentum(momentum);
}

void SGD::update(const AnyTable& table, const kernels::StepControl* control) {
  table.visit([&](auto device, const auto& typed) {
    kernels::sgd_step(device, typed, control, nesterov_);
  });
}

static const bool registered = add_optimizer<SGD, SGDOptions>("sgd");

OptimizerRecipe sgd(const SGDOptions& options) { return OptimizerRecipe::of("sgd", options); }

}  // namespace weft::optim
