// SPDX-License-Identifier: Apache-2.0
// The functions of Optimizer that keep the state by parameter name.
#include <utility>

#include "weft/optim/optimizer.h"

namespace weft::optim {

// The slots have the layout of the gradients, so they are allocated again with them. The state
// starts at zero.
void Optimizer::build_table() {
  const Tensor& values = flat_.values();
  const i64 ranks = shard_ == nullptr ? 1 : shard_->ranks();
  slots_.clear();
  for (std::size_t slot = 0; slot < slot_names_.size(); ++slot)
    slots_.push_back(
        Tensor::zeros({flat_.gradients().elements() / ranks}, values.dtype(), values.device()));
  table_.build(slots_, shard_ == nullptr ? 0 : shard_->rank(), ranks);
  update_rates();
}

void Optimizer::set_buckets(i64 bytes, Shard* shard) {
  const OptimizerState before = state();
  shard_ = shard;
  flat_.set_buckets(bytes, shard == nullptr ? 1 : shard->ranks());
  flat_.allocate_gradients();
  build_table();
  load_state(before);
}

void Optimizer::gather_parameters() {
  const Tensor &values = flat_.values(), &gradients = flat_.gradients();
  const auto copy = [&](std::size_t i, i64 begin, i64 end, bool to_values) {
    if (begin == end) return;
    const nn::FlatParameters::Segment& segment = flat_.segments()[i];
    const Tensor value = values.range(segment.offset + begin, {end - begin}),
                 gradient = gradients.range(segment.gradient_offset + begin, {end - begin});
    if (to_values) value.copy_from(gradient);
    else gradient.copy_from(value);
  };
  for (const nn::FlatParameters::Bucket& bucket : flat_.buckets()) {
    for (const std::size_t i : bucket.segments)
      copy(i, table_.parts()[i].begin, table_.parts()[i].end, false);
    const i64 length = bucket.length / shard_->ranks();
    shard_->gather(gradients.range(bucket.offset + shard_->rank() * length, {length}),
                   gradients.range(bucket.offset, {bucket.length}));
    for (const std::size_t i : bucket.segments) copy(i, 0, flat_.segments()[i].length, true);
  }
}

Tensor Optimizer::whole_of(const Tensor& slot) const {
  if (shard_ == nullptr) return slot;
  Tensor whole = Tensor::empty_like(flat_.gradients());
  for (const nn::FlatParameters::Bucket& bucket : flat_.buckets()) {
    const i64 ranks = shard_->ranks();
    shard_->gather(slot.range(bucket.offset / ranks, {bucket.length / ranks}),
                   whole.range(bucket.offset, {bucket.length}));
  }
  return whole;
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
  std::vector<Tensor> whole;
  for (const Tensor& slot : slots_) whole.push_back(whole_of(slot));
  const auto& parameters = flat_.segments();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].gradient_offset < 0) continue;
    ParameterState& state = all.parameters[parameters[i].name];
    state = {steps[i], {}};
    for (const Tensor& slot : whole)
      state.slots.push_back(
          slot.range(parameters[i].gradient_offset, parameters[i].leaf->value.shape()));
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
    const auto [begin, end, offset] = table_.parts()[i];
    if (begin == end) continue;
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
      const Tensor place = slots_[slot].range(offset, {end - begin});
      if (found)
        place.copy_from(
            found.mapped().slots[slot].reshape({parameters[i].length}).slice(begin, end));
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

}  // namespace weft::optim
