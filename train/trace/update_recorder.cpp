// SPDX-License-Identifier: Apache-2.0
#include "weft/train/trace/update_recorder.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "weft/tensor/ops.h"

namespace weft::train {
namespace {

constexpr std::size_t kExamples = 4;
constexpr i64 kMostSearched = 1 << 16;  // elements among which the examples are

double element(const Tensor& host, i64 index) {
  const auto i = static_cast<std::size_t>(index);
  return host.dtype() == DType::f64 ? host.values<double>()[i]
                                    : static_cast<double>(host.values<float>()[i]);
}

Tensor copy_on_host(const Tensor& x) {
  const Tensor host = on_host(x);
  return host.shares_storage_with(x) ? host.clone() : host;
}

std::map<std::string, std::vector<Tensor>> state_of(const optim::Optimizer& optimizer, bool copy) {
  std::map<std::string, std::vector<Tensor>> all;
  for (const auto& [name, state] : optimizer.state().parameters)
    for (const Tensor& slot : state.slots)
      all[name].push_back(copy ? copy_on_host(slot) : on_host(slot));
  return all;
}

// The elements with the largest gradients.
std::vector<TracedElement> examples_of(const Tensor& gradient, double scale) {
  std::vector<i64> order(static_cast<std::size_t>(std::min(gradient.elements(), kMostSearched)));
  std::iota(order.begin(), order.end(), 0);
  const std::size_t count = std::min(kExamples, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](i64 a, i64 b) {
                      const double x = std::abs(element(gradient, a)),
                                   y = std::abs(element(gradient, b));
                      return x != y ? x > y : a < b;
                    });
  std::vector<TracedElement> examples;
  for (std::size_t i = 0; i < count; ++i)
    examples.push_back({.index = order[i], .gradient = element(gradient, order[i]) * scale});
  return examples;
}

i64 bytes_of_state(const optim::Optimizer& optimizer) {
  i64 bytes = 0;
  for (const auto& [name, state] : optimizer.state().parameters)
    for (const Tensor& slot : state.slots) bytes += bytes_of(slot);
  return bytes;
}

}  // namespace

void UpdateRecorder::begin(Trace& trace, TapeRecorder& tape) {
  trace_ = &trace;
  tape_ = &tape;
}

BatchInProgress UpdateRecorder::batch(std::size_t i) const {
  const Place& place = places_[i];
  return {batches_[i], place.epoch, place.batch_idx, place.step, place.first_sample};
}

// A strategy may have changed the optimizers at the beginning of the step, so the parameters are
// written down at its first batch.
void UpdateRecorder::remember(Trainer& trainer) {
  for (const ScheduledOptimizer& each : trainer.optimizers().all()) {
    optim::Optimizer& optimizer = *each.optimizer;
    const nn::FlatParameters& flat = optimizer.parameters();
    before_.push_back({copy_on_host(flat.values()), state_of(optimizer, true)});
    const std::vector<std::string> names = [&] {
      std::vector<std::string> all;
      for (const auto& segment : flat.segments()) all.push_back(segment.name);
      return all;
    }();
    const auto settings = optim::settings_of(optimizer.param_groups(), names, -1);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto& segment = flat.segments()[i];
      trace_->parameters.push_back({.name = segment.name,
                                    .optimizer = each.name,
                                    .shape = segment.leaf->value.shape(),
                                    .trains = false,
                                    .lr = settings[i].lr_factor,
                                    .weight_decay = settings[i].weight_decay,
                                    .before = statistics_of(segment.leaf->value)});
    }
    trace_->lasting.parameters += bytes_of(flat.values());
    if (flat.gradients().defined()) trace_->lasting.gradients += bytes_of(flat.gradients());
    trace_->lasting.optimizer_state += bytes_of_state(optimizer);
  }
}

void UpdateRecorder::on_batch_begin(Trainer& trainer, const BatchInProgress& batch) {
  if (trace_ == nullptr) return;
  {
    const TapeRecorder::Pause pause(*tape_);
    if (batches_.empty()) remember(trainer);
  }
  tape_->begin_micro_batch(static_cast<i64>(batches_.size()));
  batches_.push_back(batch.batch);
  places_.push_back({batch.epoch, batch.batch_idx, batch.step, batch.first_sample});
  trace_->samples += batch.batch.share.is_padding ? 0 : batch.batch.x.size(0);
}

void UpdateRecorder::on_gradients(Trainer& trainer, double scale) {
  if (trace_ == nullptr) return;
  {
    const TapeRecorder::Pause pause(*tape_);
    std::size_t at = 0;
    for (const ScheduledOptimizer& each : trainer.optimizers().all())
      for (const auto& segment : each.optimizer->parameters().segments()) {
        TracedParameter& parameter = trace_->parameters[at++];
        const Leaf& leaf = *segment.leaf;
        if (!leaf.requires_grad || !leaf.has_grad) continue;
        parameter.trains = true;
        const Tensor gradient = on_host(leaf.grad);
        parameter.gradient = statistics_of(gradient, scale);
        parameter.examples = examples_of(gradient, scale);
      }
    if (const optim::LossScaler* scaler = trainer.optimizers().loss_scaler())
      trace_->update.loss_scale = scaler->scale();
  }
  tape_->begin_update();
}

void UpdateRecorder::on_step_end(Trainer& trainer, const optim::StepOutcome& outcome) {
  if (trace_ == nullptr) return;
  TracedUpdate& update = trace_->update;
  update.applied = outcome.applied;
  update.grad_norm = outcome.grad_norm;
  update.clip_norm = trainer.options().clip_norm;
  // As kernels/optim/global_norm.h clips.
  if (update.clip_norm > 0 && outcome.grad_norm > update.clip_norm)
    update.clip_factor = update.clip_norm / (outcome.grad_norm + 1e-6);
}

void UpdateRecorder::end(Trainer& trainer) {
  const auto& optimizers = trainer.optimizers().all();
  trace_->update.slots = optimizers.front().optimizer->slot_names();
  std::size_t at = 0;
  for (std::size_t o = 0; o < before_.size() && o < optimizers.size(); ++o) {
    const optim::Optimizer& optimizer = *optimizers[o].optimizer;
    const Tensor values = on_host(optimizers[o].optimizer->parameters().values());
    const auto state = state_of(optimizer, false);
    for (const auto& segment : optimizers[o].optimizer->parameters().segments()) {
      TracedParameter& parameter = trace_->parameters[at++];
      parameter.lr *= optimizer.lr();
      const Tensor old = before_[o].values.range(segment.offset, {segment.length}),
                   now = values.range(segment.offset, {segment.length});
      parameter.after = statistics_of(now);
      parameter.update = statistics_of(sub(now, old));
      const auto slots = state.find(segment.name);
      const auto old_slots = before_[o].state.find(segment.name);
      if (slots != state.end() && parameter.trains)
        for (const Tensor& slot : slots->second) parameter.state.push_back(statistics_of(slot));
      for (TracedElement& example : parameter.examples) {
        example.before = element(old, example.index);
        example.after = element(now, example.index);
        if (slots != state.end())
          for (const Tensor& slot : slots->second)
            example.state_after.push_back(element(slot, example.index));
        if (old_slots != before_[o].state.end())
          for (const Tensor& slot : old_slots->second)
            example.state_before.push_back(element(slot, example.index));
      }
    }
  }
  before_.clear();
  trace_ = nullptr;
  tape_ = nullptr;
}

void UpdateRecorder::forget() {
  before_.clear();
  batches_.clear();
  places_.clear();
  trace_ = nullptr;
  tape_ = nullptr;
}

}  // namespace weft::train
