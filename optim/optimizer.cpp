// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/optimizer.h"

#include <algorithm>
#include <cmath>

#include "weft/kernels/optim/clip_values.h"
#include "weft/kernels/optim/global_norm.h"
#include "weft/tensor/as_bytes.h"
#include "weft/tensor/views.h"

namespace weft::optim {
namespace {

// A norm that is not finite skips the step, so whatever clips looks first.
bool measures(double clip_norm, double clip_value, bool skip_non_finite) {
  return clip_norm > 0 || clip_value > 0 || skip_non_finite;
}

}  // namespace

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

void Optimizer::begin_step(const StepSettings& settings) {
  control_.grad_scale = settings.grad_scale;
  control_.grad_norm = 0;
  control_.skip = false;
  prepare();
  if (!on_host()) send(device_.control, as_bytes(std::span(&control_, 1)));
  enqueue(settings.clip_norm, settings.clip_value, settings.skip_non_finite);
  measures_ = measures(settings.clip_norm, settings.clip_value, settings.skip_non_finite);
  if (outcome_on_device()) device_.control_back->start(control());
}

StepOutcome Optimizer::finish_step() {
  if (outcome_on_device()) {
    const auto& now = *static_cast<const kernels::StepControl*>(device_.control_back->wait());
    control_.grad_norm = now.grad_norm;
    control_.skip = now.skip;
  }
  note_step(!control_.skip);
  return {!control_.skip, control_.grad_norm};
}

void Optimizer::prepare() {
  std::visit([&](auto& segments) { refresh(segments); }, segments_);
  if (!on_host()) to_device();
}

void Optimizer::enqueue(double clip_norm, double clip_value, bool skip_non_finite) {
  std::visit(
      [&]<class T>(Segments<T>& segments) {
        const kernels::ParameterTable<T> all = table(segments);
        // Values are clipped in all gradients as they lie, absent ones too: nobody reads those.
        const auto limit = [&](auto device) {
          if (measures(clip_norm, clip_value, skip_non_finite))
            kernels::global_norm(device, all, clip_norm, partials_.data<double>(), control());
          if (clip_value > 0)
            kernels::clip_values(device, span<T>(flat_.gradients()), clip_value, control());
        };
        std::visit(limit, flat_.values().device());
        update(all, control());
      },
      segments_);
}

std::vector<double> Optimizer::gradient_norms() {
  prepare();
  std::visit(
      [&]<class T>(Segments<T>& segments) {
        const kernels::ParameterTable<T> all = table(segments);
        std::visit(
            [&](auto device) { kernels::square_sums(device, all, partials_.data<double>()); },
            flat_.values().device());
      },
      segments_);
  const std::vector<double> squares = partials_.to_vector<double>();
  std::vector<double> norms(flat_.segments().size());
  for (std::size_t c = 0; c < chunks_.size(); ++c)
    norms[static_cast<std::size_t>(chunks_[c].segment)] += squares[c];
  for (double& norm : norms) norm = std::sqrt(norm);
  return norms;
}

const bool* Optimizer::skip_flag() const {
  if (on_host()) return &control_.skip;
  return device_.control.defined() ? &device_.control.data<kernels::StepControl>()->skip : nullptr;
}

// What may differ between two steps of one layout: which parameters got a gradient.
template <class T>
void Optimizer::refresh(Segments<T>& segments) {
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const nn::FlatParameters::Segment& parameter = flat_.segments()[i];
    const Leaf& leaf = *parameter.leaf;
    const bool active = leaf.requires_grad && leaf.has_grad;
    WEFT_CHECK(
        !active || parameter.gradient_offset >= 0,
        "optimizer: requires_grad of '{}' was set after the optimizer was built; rebuild() is "
        "required before the next step",
        parameter.name);
    const T* grad = active ? leaf.grad.data<T>() : segments[i].grad;
    if (active == segments[i].active && grad == segments[i].grad) continue;
    steps_to_host();
    segments[i].active = active;
    segments[i].grad = grad;
  }
}

template <class T>
kernels::ParameterTable<T> Optimizer::table(Segments<T>& segments) {
  return {on_host() ? segments.data() : device_.segments.data<kernels::Segment<T>>(),
          static_cast<i64>(segments.size()),
          on_host() ? chunks_.data() : device_.chunks.data<kernels::Chunk>(),
          static_cast<i64>(chunks_.size())};
}

void Optimizer::send(Tensor& to, const Tensor& from) const {
  if (!to.defined() || to.shape() != from.shape())
    to = Tensor::empty(from.shape(), DType::uint8, flat_.values().device());
  to.copy_from(from);
}

// Note [The table on the device]
void Optimizer::to_device() {
  if (!device_.control.defined()) {
    send(device_.control, as_bytes(std::span(&control_, 1)));
    if constexpr (kHasCuda)
      device_.control_back =
          make_readback(std::get<Cuda>(flat_.values().device()), sizeof(kernels::StepControl));
  }
  if (device_.current) return;
  std::visit([&](auto& segments) { send(device_.segments, as_bytes(std::span(segments))); },
             segments_);
  send(device_.chunks, as_bytes(std::span(chunks_)));
  device_.current = true;
}

// The updates that each parameter has had.
std::vector<i64> Optimizer::steps() const {
  std::vector<i64> counts;
  std::visit(
      [&]<class T>(const Segments<T>& segments) {
        Segments<T> now = segments;
        if (device_.current) as_bytes(std::span(now)).copy_from(device_.segments);
        for (const kernels::Segment<T>& segment : now) counts.push_back(segment.steps);
      },
      segments_);
  return counts;
}

// To be called before the table is changed.
void Optimizer::steps_to_host() {
  if (!device_.current) return;
  const std::vector<i64> counts = steps();
  std::visit(
      [&](auto& segments) {
        for (std::size_t i = 0; i < segments.size(); ++i) segments[i].steps = counts[i];
      },
      segments_);
  device_.current = false;
}

// Rewrites table, chunks and state for the places in flat_; state starts at zero.
void Optimizer::lay_out() {
  const Tensor& values = flat_.values();
  device_.current = false;
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
  partials_ = Tensor::empty({static_cast<i64>(chunks_.size())}, DType::f64, values.device());
  write_settings();
}

void Optimizer::write_settings() {
  std::vector<std::string> names;
  for (const auto& parameter : flat_.segments()) names.push_back(parameter.name);
  const auto settings = settings_of(groups_, names, weight_decay_);
  steps_to_host();
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
  const std::vector<i64> counts = steps();
  for (std::size_t i = 0; i < flat_.segments().size(); ++i)
    if (flat_.segments()[i].gradient_offset >= 0)
      all.parameters[flat_.segments()[i].name] = state_of(i, counts[i]);
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
  steps_to_host();
  auto rest = state.parameters;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].gradient_offset < 0) continue;
    const auto found = rest.find(parameters[i].name);
    std::visit(
        [&](auto& segments) { segments[i].steps = found == rest.end() ? 0 : found->second.steps; },
        segments_);
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

ParameterState Optimizer::state_of(std::size_t parameter, i64 steps) const {
  ParameterState state;
  state.steps = steps;
  for (int slot = 0; slot < slots_; ++slot) state.slots.push_back(slot_of(parameter, slot));
  return state;
}

}  // namespace weft::optim
