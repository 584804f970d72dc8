// SPDX-License-Identifier: Apache-2.0
// The functions of Optimizer that keep the state by parameter name.
#include <utility>

#include "weft/optim/optimizer.h"

namespace weft::optim {

// The slots have the layout of the gradients, so they are allocated again with them. The state
// starts at zero.
void Optimizer::build_table() {
  const Tensor& values = flat_.values();
  slots_.clear();
  for (std::size_t slot = 0; slot < slot_names_.size(); ++slot)
    slots_.push_back(Tensor::zeros(flat_.gradients().shape(), values.dtype(), values.device()));
  table_.build(slots_);
  update_rates();
}

RebuildReport Optimizer::rebuild() {
  table_.check_places();
  RebuildReport report;
  const OptimizerState before = state();
  for (const auto& parameter : flat_.segments()) {
    const bool trained = parameter.gradient_offset >= 0, wanted = parameter.leaf->requires_grad;
    if (trained && wanted) report.kept.push_back(parameter.name);
    if (trained && !wanted) report.stashed.push_back(parameter.name);
    if (!trained && wanted)
      (stash_.contains(parameter.name) ? report.restored : report.created)
          .push_back(parameter.name);
  }
  flat_.allocate_gradients();
  build_table();
  load_state(before);
  return report;
}

OptimizerState Optimizer::state() const {
  OptimizerState all{applied_steps(), stash_};
  const std::vector<i64> steps = table_.steps();
  const auto& parameters = flat_.segments();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].gradient_offset < 0) continue;
    ParameterState& state = all.parameters[parameters[i].name];
    state = {steps[i], {}};
    for (const Tensor& slot : slots_) state.slots.push_back(place_in(slot, parameters[i]));
  }
  return all;
}

void Optimizer::check_state(const OptimizerState& state) const {
  for (const auto& parameter : flat_.segments()) {
    const auto found = state.parameters.find(parameter.name);
    if (found == state.parameters.end()) continue;
    const std::vector<Tensor>& slots = found->second.slots;
    WEFT_CHECK(slots.size() == slots_.size(),
               "optimizer: the state of '{}' has {} tensors; {} are required", parameter.name,
               slots.size(), slots_.size());
    const Tensor& value = parameter.leaf->value;
    for (const Tensor& slot : slots)
      WEFT_CHECK(slot.shape() == value.shape() && slot.dtype() == value.dtype(),
                 "optimizer: the state of '{}' is {} {}; {} {} is required", parameter.name,
                 slot.dtype(), slot.shape(), value.dtype(), value.shape());
  }
}

void Optimizer::load_state(const OptimizerState& state) {
  check_state(state);
  ++state_version_;
  control_.applied = state.applied_steps;
  const auto& parameters = flat_.segments();
  std::vector<i64> steps(parameters.size());
  std::map<std::string, ParameterState> rest = state.parameters;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].gradient_offset < 0) continue;
    const auto found = rest.extract(parameters[i].name);
    steps[i] = found ? found.mapped().steps : 0;
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
      const Tensor place = place_in(slots_[slot], parameters[i]);
      if (found) place.copy_from(found.mapped().slots[slot]);
      else fill_with_zeros(place);
    }
  }
  table_.set_steps(steps);
  stash_.clear();
  for (const auto& [name, untrained] : rest) {
    ParameterState& copy = stash_[name];
    copy.steps = untrained.steps;
    for (const Tensor& slot : untrained.slots) copy.slots.push_back(slot.clone());
  }
}

Tensor Optimizer::place_in(const Tensor& slot, const nn::FlatParameters::Segment& parameter) {
  return slot.range(parameter.gradient_offset, parameter.leaf->value.shape());
}

}  // namespace weft::optim
