// SPDX-License-Identifier: Apache-2.0
// What strategies ask of a Trainer: freezing, rates, rebuilding; and the schedule.
#include <algorithm>
#include <cmath>

#include "weft/core/glob.h"
#include "weft/core/log.h"
#include "weft/train/trainer.h"

namespace weft::train {
namespace {

std::vector<std::string> names_of(const nn::NamedParameters& parameters) {
  std::vector<std::string> names;
  for (const nn::NamedParameter& p : parameters) names.push_back(p.name);
  return names;
}

}  // namespace

void describe(Fields& f, LrFactor& o) {
  f("match", o.match, "globs of parameter names, like features.*", required())(
      "lr_factor", o.lr_factor, "times the rate they would have", non_negative);
}

i64 Trainer::set_requires_grad(const std::string& glob, bool on) {
  const nn::NamedParameters parameters = named_parameters();
  const std::vector<std::string> patterns{glob};
  const std::vector<i64> matched = glob_select("set_requires_grad", patterns, names_of(parameters));
  for (const i64 i : matched)
    parameters[static_cast<std::size_t>(i)].variable.set_requires_grad(on);
  return static_cast<i64>(matched.size());
}

void Trainer::set_lr_factors(const std::vector<LrFactor>& factors) {
  std::vector<std::string> names;
  for (const auto& segment : optimizer_->parameters().segments()) names.push_back(segment.name);
  std::vector<double> each(names.size(), 1.0);
  for (const LrFactor& factor : factors)
    for (const i64 i : glob_select("lr_factor", factor.match, names))
      each[static_cast<std::size_t>(i)] = factor.lr_factor;
  optimizer_->set_lr_factors(std::move(each));
}

void Trainer::scale_lr(double factor) {
  WEFT_CHECK(std::isfinite(factor) && factor > 0,
             "scale_lr: {} given; a factor above 0 is required", factor);
  lr_scale_ *= factor;
  rates_changed();
}

bool Trainer::reached(const Duration& at) const {
  const bool whole_epochs = at.in_epochs() && at.amount() == std::floor(at.amount());
  if (at.is_zero()) return true;
  if (whole_epochs) return static_cast<double>(epochs_done_) >= at.amount();
  WEFT_ASSERT(steps_per_epoch_ > 0, "reached({}): the length of an epoch is not known yet",
              at.to_string());
  return steps_begun_ >= at.steps(steps_per_epoch_);
}

// Each trainable parameter of the model in exactly one segment with a gradient, each frozen one in
// none: else it would be updated twice or never.
void Trainer::check_segments() const {
  i64 trainable = 0;
  for (const nn::NamedParameter& p : model_.named_parameters()) {
    i64 segments = 0;
    for (const auto& segment : optimizer_->parameters().segments())
      if (segment.leaf == p.variable.leaf_state() && segment.gradient_offset >= 0) ++segments;
    const bool wanted = p.variable.requires_grad();
    trainable += wanted ? 1 : 0;
    WEFT_CHECK(
        segments == (wanted ? 1 : 0),
        "rebuild: '{}' is {} and is in {} segments of the optimizer; a trainable parameter must "
        "be in exactly one, and a frozen one in none (was it replaced after the trainer was "
        "built?)",
        p.name, wanted ? "trainable" : "frozen", segments);
  }
  WEFT_CHECK(trainable > 0,
             "rebuild: all parameters are frozen; at least one that trains is required");
}

optim::RebuildReport Trainer::rebuild_optimizer_and_scheduler() {
  settle();
  optim::RebuildReport report = optimizer_->rebuild();
  forget_graphs();
  check_segments();
  const bool restart = options_.on_rebuild == "restart" && schedule_ != nullptr;
  if (restart) start_schedule(optimizer_->applied_steps());
  log_info("optimizer rebuilt: state of {} parameters kept, {} created, {} parked, {} returned{}",
           report.kept.size(), report.created.size(), report.parked.size(), report.returned.size(),
           restart ? "; schedule restarted" : "");
  notify(&TrainerObserver::on_rebuild, report);
  return report;
}

void Trainer::build_schedule(i64 batches_per_epoch) {
  const i64 steps = (batches_per_epoch + options_.accumulate - 1) / options_.accumulate;
  if (schedule_ != nullptr && steps == steps_per_epoch_) return;
  steps_per_epoch_ = steps;
  start_schedule(0);
}

void Trainer::start_schedule(i64 first_step) {
  i64 total = steps_per_epoch_ * options_.epochs;
  if (options_.max_steps > 0) total = std::min(total, options_.max_steps);
  schedule_start_ = first_step;
  schedule_ = options_.scheduler.make(
      optim::ScheduleSpan{steps_per_epoch_, std::max<i64>(1, total - first_step)});
  rates_changed();
}

void Trainer::apply_schedule() { set_rates(rates_of(optimizer_->applied_steps())); }

// An optimizer without momentum refuses one, so what stays the same is not set.
void Trainer::set_rates(const kernels::StepRates& rates) {
  optimizer_->set_lr(rates.lr);
  if (rates.momentum != optimizer_->momentum()) optimizer_->set_momentum(rates.momentum);
}

// What a schedule leaves alone is the optimizer's.
kernels::StepRates Trainer::rates_of(i64 applied_step) const {
  const i64 step = applied_step - schedule_start_;
  return {optimizer_->base_lr() * lr_scale_ * schedule_->lr_factor(step),
          schedule_->momentum(step).value_or(optimizer_->momentum())};
}

void EpochProgress::state(State& s) {
  s("batches", batches)("samples", samples)("steps", steps)("skipped", skipped)("seconds", seconds);
  s("loss", loss);
}

void Trainer::state(State& s) {
  WEFT_CHECK(window_.batches == 0,
             "Trainer::state: {} of the {} batches of an optimizer step are done; a place between "
             "two steps is required",
             window_.batches, options_.accumulate);
  settle();
  s("epochs_done", epochs_done_)("steps_begun", steps_begun_)("lr_scale", lr_scale_);
  s("batch_parts", batch_parts_);
  i64 start = schedule_start_;
  s("steps_per_epoch", steps_per_epoch_)("schedule_start", start);
  // A schedule is made for a span, and keeps only what it observed.
  if (s.loading() && steps_per_epoch_ > 0) start_schedule(start);
  if (schedule_ == nullptr) build_schedule(1);
  s("schedule", *schedule_);
  if (scaler_) s("loss_scaler", *scaler_);
  double lr = optimizer_->lr();
  s("lr", lr);
  if (running_) epoch_.loss = running_->totals();
  s("epoch", epoch_);
  if (!s.loading()) return;
  if (captured_) captured_->state_changed();
  rates_changed();
  optimizer_->set_lr(lr);
  running_.reset();
  goes_on_ = epoch_.batches > 0;
}

}  // namespace weft::train
