// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/adam.h"

namespace weft::optim {
namespace {

template <class Options>
void describe_adam(Fields& f, Options& o, std::string_view decay_help) {
  f("lr", o.lr, "learning rate", positive);
  f("beta1", o.beta1, "decay factor of the running mean of gradients", from_to_below(0, 1));
  f("beta2", o.beta2, "decay factor of the running mean of squared gradients", from_to_below(0, 1));
  f("eps", o.eps, "added to the square root of the mean square", positive);
  f("weight_decay", o.weight_decay, decay_help, non_negative_f32);
  f("param_groups", o.param_groups, "learning rates and weight decays by parameter name");
}

}  // namespace

void describe(Fields& f, AdamOptions& o) { describe_adam(f, o, "L2 penalty"); }
void describe(Fields& f, AdamWOptions& o) {
  describe_adam(f, o, "fraction of each weight subtracted per step, times lr");
}

template <class Options>
Optimizer::Rates Adam::rates_of(const char* name, Options options) {
  validate(name, section_ref(options));
  return {options.lr, options.beta1, options.weight_decay};
}

Adam::Adam(const nn::NamedParameters& parameters, const Rates& rates,
           const kernels::AdamConstants& constants, const std::vector<ParamGroup>& groups)
    : Optimizer(parameters, rates, {"mean", "mean_square"}, groups), constants_(constants) {}

Adam::Adam(const nn::NamedParameters& parameters, const AdamOptions& o)
    : Adam(parameters, rates_of("adam", o), {.beta2 = o.beta2, .eps = o.eps, .decoupled = false},
           o.param_groups) {}

AdamW::AdamW(const nn::NamedParameters& parameters, const AdamWOptions& o)
    : Adam(parameters, rates_of("adamw", o), {.beta2 = o.beta2, .eps = o.eps, .decoupled = true},
           o.param_groups) {}

void Adam::update(const AnyTable& table, const kernels::StepControl* control) {
  table.visit([&](auto device, const auto& typed) {
    kernels::adam_step(device, typed, control, constants_);
  });
}

static const bool registered =
    add_optimizer<Adam, AdamOptions>("adam") && add_optimizer<AdamW, AdamWOptions>("adamw");

OptimizerRecipe adam(const AdamOptions& options) { return OptimizerRecipe::of("adam", options); }
OptimizerRecipe adamw(const AdamWOptions& options) { return OptimizerRecipe::of("adamw", options); }

}  // namespace weft::optim
