// SPDX-License-Identifier: Apache-2.0
// An optimizer that is a formula for one element, for the CPU:
//
//   struct Signs {
//     double lr = 1e-3;
//     static constexpr int kSlots = 0;  // state tensors of each parameter, at most 3
//     template <class T>
//     void operator()(T& p, T g, T* state, const kernels::UpdateRates<T>& r) const;
//   };
//   void describe(Fields& f, Signs& o) { f("lr", o.lr, "learning rate", positive); }
//   const bool registered = optim::add_formula<Signs>("signs");
//
// The formula is its own options. kernels/optim/element_update.h says what it gets. Its members
// `momentum`, `weight_decay` and `param_groups` are the optimizer's if it has them.
#pragma once
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "weft/kernels/optim/element_update.h"
#include "weft/optim/optimizer.h"

namespace weft::optim {

template <class Formula>
class ElementOptimizer final : public Optimizer {
 public:
  ElementOptimizer(const nn::NamedParameters& parameters, const Formula& formula)
      : Optimizer(parameters, rates_of(formula), slots(), groups_of(formula)), formula_(formula) {}

 private:
  static Rates rates_of(const Formula& formula) {
    Rates rates{.lr = formula.lr};
    if constexpr (requires { formula.momentum; }) rates.momentum = formula.momentum;
    if constexpr (requires { formula.weight_decay; }) rates.weight_decay = formula.weight_decay;
    return rates;
  }
  static std::vector<ParamGroup> groups_of(const Formula& formula) {
    if constexpr (requires { formula.param_groups; }) return formula.param_groups;
    else return {};
  }
  static std::vector<std::string> slots() {
    const std::vector<std::string> names{"first", "second", "third"};
    return {names.begin(), names.begin() + Formula::kSlots};
  }

  void update(const AnyTable& table, const kernels::StepControl* control) override {
    WEFT_CHECK(is_cpu(table.device),
               "optimizer: its formula is for the CPU; run.device: cpu is "
               "required");
    std::visit([&](auto& typed) { update_elements(Cpu{}, typed, control, formula_); }, table.typed);
  }

  Formula formula_;
};

template <Described Formula>
bool add_formula(std::string name) {
  return add_optimizer<ElementOptimizer<Formula>, Formula>(std::move(name));
}

}  // namespace weft::optim
