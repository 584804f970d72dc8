// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/optimizer.h"

#include <algorithm>
#include <cmath>

#include "weft/kernels/global_norm.h"
#include "weft/tensor/ops.h"

namespace weft::optim {

Optimizer::Optimizer(const nn::NamedParameters& parameters, const Rates& rates, int slots,
                     std::vector<ParamGroup> groups)
    : flat_(parameters),
      groups_(std::move(groups)),
      lr_factors_(parameters.size(), 1.0),
      base_lr_(rates.lr),
      weight_decay_(rates.weight_decay),
      slots_(slots) {
  control_.lr = rates.lr;
  control_.momentum = rates.momentum;
  visit_compute("optimizer", flat_.values().dtype(), [&]<class T>() { segments_ = Segments<T>{}; });
  lay_out();
}

StepOutcome Optimizer::step(const StepSettings& settings) {
  control_.grad_scale = settings.grad_scale;
  control_.grad_norm = 0;
  control_.skip = false;
  std::visit(
      [&](auto& segments) {
        refresh(segments);
        const auto all = table(segments);
        if (settings.clip_norm > 0 || settings.clip_value > 0)
          std::visit(
              [&](auto device) {
                kernels::global_norm(device, all, settings.clip_norm, partials_.data(), &control_);
              },
              flat_.values().device());
        if (settings.clip_value > 0 && !control_.skip)
          clip_by_value(settings.clip_value / settings.grad_scale);
        update(all, control_);
      },
      segments_);
  if (!control_.skip) ++applied_steps_;
  return {!control_.skip, control_.grad_norm};
}

// Of all gradients as they lie, absent ones too: nobody reads those.
void Optimizer::clip_by_value(double limit) const {
  Tensor all = flat_.gradients();
  if (all.elements() == 0) return;
  minimum(all, all, Tensor::scalar(limit, all.dtype(), all.device()));
  maximum(all, all, Tensor::scalar(-limit, all.dtype(), all.device()));
}

// What may differ between two steps of one layout: which parameters got a gradient.
template <class T>
void Optimizer::refresh(Segments<T>& segments) const {
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const nn::FlatParameters::Segment& parameter = flat_.segments()[i];
    const Leaf& leaf = *parameter.leaf;
    segments[i].active = leaf.requires_grad && leaf.has_grad;
    if (!segments[i].active) continue;
    WEFT_CHECK(
        parameter.gradient_offset >= 0,
        "optimizer: requires_grad of '{}' was set after the optimizer was built; rebuild() is "
        "required before the next step",
        parameter.name);
    segments[i].grad = leaf.grad.data<T>();
  }
}

template <class T>
kernels::ParameterTable<T> Optimizer::table(Segments<T>& segments) const {
  return {segments.data(), static_cast<i64>(segments.size()), chunks_.data(),
          static_cast<i64>(chunks_.size())};
}

// Rewrites table, chunks and state for the places in flat_; state starts at zero.
void Optimizer::lay_out() {
  const Tensor& values = flat_.values();
  state_.clear();
  for (int slot = 0; slot < slots_; ++slot)
    state_.push_back(Tensor::zeros(flat_.gradients().shape(), values.dtype(), values.device()));
  chunks_.clear();
  std::visit(
      [&]<class T>(Segments<T>& segments) {
        segments.assign(flat_.segments().size(), {});
        for (std::size_t i = 0; i < segments.size(); ++i) {
          const nn::FlatParameters::Segment& parameter = flat_.segments()[i];
          kernels::Segment<T>& segment = segments[i];
          segment.param = values.data<T>() + parameter.offset;
          segment.length = parameter.length;
          if (parameter.gradient_offset < 0) continue;
          if (slots_ > 0) segment.first = slot_of(i, 0).template data<T>();
          if (slots_ > 1) segment.second = slot_of(i, 1).template data<T>();
          for (i64 begin = 0; begin < parameter.length; begin += kernels::kChunkElements)
            chunks_.push_back({static_cast<i64>(i), begin,
                               std::min(kernels::kChunkElements, parameter.length - begin)});
        }
      },
      segments_);
  partials_.resize(chunks_.size());
  write_settings();
}

void Optimizer::write_settings() {
  std::vector<std::string> names;
  for (const auto& parameter : flat_.segments()) names.push_back(parameter.name);
  const auto settings = settings_of(groups_, names, weight_decay_);
  std::visit(
      [&](auto& segments) {
        for (std::size_t i = 0; i < segments.size(); ++i) {
          segments[i].lr_factor = settings[i].lr_factor * lr_factors_[i];
          segments[i].weight_decay = settings[i].weight_decay;
        }
      },
      segments_);
}

void Optimizer::set_param_groups(std::vector<ParamGroup> groups) {
  std::swap(groups_, groups);
  try {
    write_settings();
  } catch (...) {
    std::swap(groups_, groups);
    throw;
  }
}

void Optimizer::set_lr_factors(std::vector<double> factors) {
  WEFT_CHECK(factors.size() == flat_.segments().size(),
             "optimizer: {} rate factors given; {} are required, one per parameter", factors.size(),
             flat_.segments().size());
  for (const double factor : factors)
    WEFT_CHECK(std::isfinite(factor) && factor >= 0,
               "optimizer: a rate factor of {} given; 0 or more is required", factor);
  lr_factors_ = std::move(factors);
  write_settings();
}

RebuildReport Optimizer::rebuild() {
  RebuildReport report;
  const OptimizerState before = state();
  for (const auto& parameter : flat_.segments()) {
    const bool trained = parameter.gradient_offset >= 0, wanted = parameter.leaf->requires_grad;
    if (trained && wanted) report.kept.push_back(parameter.name);
    if (trained && !wanted) report.parked.push_back(parameter.name);
    if (!trained && wanted)
      (parked_.contains(parameter.name) ? report.returned : report.created)
          .push_back(parameter.name);
  }
  flat_.lay_gradients();
  lay_out();
  load_state(before);
  return report;
}

OptimizerState Optimizer::state() const {
  OptimizerState all{applied_steps_, parked_};
  for (std::size_t i = 0; i < flat_.segments().size(); ++i)
    if (flat_.segments()[i].gradient_offset >= 0)
      all.parameters[flat_.segments()[i].name] = state_of(i);
  return all;
}

void Optimizer::load_state(const OptimizerState& state) {
  const auto& parameters = flat_.segments();
  for (const auto& parameter : parameters)
    if (const auto found = state.parameters.find(parameter.name); found != state.parameters.end()) {
      const auto& slots = found->second.slots;
      WEFT_CHECK(static_cast<int>(slots.size()) == slots_,
                 "optimizer: the state of '{}' has {} tensors; {} are required", parameter.name,
                 slots.size(), slots_);
      for (const Tensor& slot : slots)
        WEFT_CHECK(slot.shape() == parameter.leaf->value.shape() &&
                       slot.dtype() == parameter.leaf->value.dtype(),
                   "optimizer: the state of '{}' is {} {}; {} {} is required", parameter.name,
                   slot.dtype(), slot.shape(), parameter.leaf->value.dtype(),
                   parameter.leaf->value.shape());
    }
  applied_steps_ = state.applied_steps;
  auto rest = state.parameters;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].gradient_offset < 0) continue;
    const auto found = rest.find(parameters[i].name);
    steps_of(i) = found == rest.end() ? 0 : found->second.steps;
    for (int slot = 0; slot < slots_; ++slot) {
      if (found == rest.end()) slot_of(i, slot).zero();
      else slot_of(i, slot).copy_from(found->second.slots[static_cast<std::size_t>(slot)]);
    }
    if (found != rest.end()) rest.erase(found);
  }
  parked_.clear();
  for (auto& [name, parked] : rest) {
    ParameterState& copy = parked_[name];
    copy.steps = parked.steps;
    for (const Tensor& slot : parked.slots) copy.slots.push_back(slot.clone());
  }
}

Tensor Optimizer::slot_of(std::size_t parameter, int slot) const {
  const nn::FlatParameters::Segment& place = flat_.segments()[parameter];
  return state_[static_cast<std::size_t>(slot)].range(place.gradient_offset,
                                                      place.leaf->value.shape());
}

i64& Optimizer::steps_of(std::size_t parameter) {
  return std::visit([&](auto& segments) -> i64& { return segments[parameter].steps; }, segments_);
}

ParameterState Optimizer::state_of(std::size_t parameter) const {
  ParameterState state;
  state.steps =
      std::visit([&](const auto& segments) { return segments[parameter].steps; }, segments_);
  for (int slot = 0; slot < slots_; ++slot) state.slots.push_back(slot_of(parameter, slot));
  return state;
}

}  // namespace weft::optim
