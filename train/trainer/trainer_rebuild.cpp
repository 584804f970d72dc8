// SPDX-License-Identifier: Apache-2.0
// What strategies ask of a Trainer: freezing, rates, rebuilding; and the schedule.
#include <algorithm>
#include <cmath>

#include "weft/core/glob.h"
#include "weft/core/log.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {
namespace {

std::vector<std::string> names_of(const nn::NamedParameters& parameters) {
  std::vector<std::string> names;
  for (const nn::NamedParameter& p : parameters) names.push_back(p.name);
  return names;
}

}  // namespace

void describe(Fields& f, LrFactor& o) {
  f("match", o.match, "globs of parameter names, like features.*", required());
  f("lr_factor", o.lr_factor, "times the rate they would have", non_negative);
}

i64 Trainer::set_requires_grad(const std::string& glob, bool on) {
  const nn::NamedParameters parameters = named_parameters();
  const std::vector<std::string> patterns{glob};
  const std::vector<i64> matched = glob_select("set_requires_grad", patterns, names_of(parameters));
  for (const i64 i : matched)
    parameters[static_cast<std::size_t>(i)].variable.set_requires_grad(on);
  return static_cast<i64>(matched.size());
}

void Trainer::add_optimizer(const std::string& name, nn::NamedParameters parameters,
                            const optim::OptimizerRecipe& optimizer,
                            const optim::ScheduleRecipe& scheduler) {
  for (nn::NamedParameter& p : parameters) {
    p.name = name + "." + p.name;
    for (const ScheduledOptimizer& other : optimizers_)
      for (const auto& segment : other.optimizer->parameters().segments())
        WEFT_CHECK(
            segment.leaf != p.variable.leaf_state(),
            "add_optimizer: '{}' is '{}' of {}; a parameter of no other optimizer is required",
            p.name, segment.name, other.name);
  }
  optimizers_.push_back({"optimizers." + name, optimizer.make(parameters), scheduler});
  if (!captured_) return;
  captured_.reset();
  log_warning("capture: the trainer has {} optimizers; steps run op by op", optimizers_.size());
}

void Trainer::observe(const std::string& metric, double value) {
  settle();
  for (ScheduledOptimizer& each : optimizers_)
    if (each.schedule->monitor() == metric) each.schedule->observe(value, each.schedule_step());
  rates_changed();
}

void Trainer::set_lr_factors(const std::vector<LrFactor>& factors) {
  std::vector<std::string> names;
  for (const auto& segment : optimizer().parameters().segments()) names.push_back(segment.name);
  std::vector<double> each(names.size(), 1.0);
  for (const LrFactor& factor : factors)
    for (const i64 i : glob_select("lr_factor", factor.match, names))
      each[static_cast<std::size_t>(i)] = factor.lr_factor;
  optimizer().set_lr_factors(std::move(each));
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
    for (const auto& segment : optimizers_.front().optimizer->parameters().segments())
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
  optim::RebuildReport report;
  const auto append = [](std::vector<std::string>& names, std::vector<std::string> more) {
    names.insert(names.end(), more.begin(), more.end());
  };
  for (ScheduledOptimizer& each : optimizers_) {
    optim::RebuildReport its = each.optimizer->rebuild();
    append(report.kept, std::move(its.kept));
    append(report.created, std::move(its.created));
    append(report.parked, std::move(its.parked));
    append(report.returned, std::move(its.returned));
  }
  forget_graphs();
  check_segments();
  // Of the model's optimizer alone: strategies steer nothing else.
  ScheduledOptimizer& first = optimizers_.front();
  const bool restart = options_.on_rebuild == OnRebuild::restart && first.schedule != nullptr;
  if (restart) start_schedule(first, first.optimizer->applied_steps());
  log_info("optimizer rebuilt: state of {} parameters kept, {} created, {} parked, {} returned{}",
           report.kept.size(), report.created.size(), report.parked.size(), report.returned.size(),
           restart ? "; schedule restarted" : "");
  notify(&TrainerObserver::on_rebuild, report);
  return report;
}

void Trainer::build_schedule(i64 batches_per_epoch) {
  const i64 steps = (batches_per_epoch + options_.accumulate - 1) / options_.accumulate;
  if (optimizers_.front().schedule != nullptr && steps == steps_per_epoch_) return;
  steps_per_epoch_ = steps;
  for (ScheduledOptimizer& each : optimizers_) start_schedule(each, 0);
}

void Trainer::start_schedule(ScheduledOptimizer& optimizer, i64 first_step) {
  i64 total = steps_per_epoch_ * options_.epochs;
  if (options_.max_steps > 0) total = std::min(total, options_.max_steps);
  optimizer.begin(first_step, steps_per_epoch_, total);
  rates_changed();
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
  s("batch_parts", batch_parts_)("steps_per_epoch", steps_per_epoch_);
  if (optimizers_.front().schedule == nullptr) build_schedule(1);
  state_of(s, optimizers_.front());
  struct Further {
    Trainer& trainer;
    ScheduledOptimizer& optimizer;
    void state(State& s) { trainer.state_of(s, optimizer); }
  };
  for (std::size_t i = 1; i < optimizers_.size(); ++i) {
    Further further{*this, optimizers_[i]};
    s(optimizers_[i].name, further);
  }
  if (scaler_) s("loss_scaler", *scaler_);
  if (running_) epoch_.loss = running_->totals();
  s("epoch", epoch_);
  if (!s.loading()) return;
  if (captured_) captured_->state_changed();
  rates_changed();
  running_.reset();
  goes_on_ = epoch_.batches > 0;
}

// A schedule is made for a span, and keeps only what it observed.
void Trainer::state_of(State& s, ScheduledOptimizer& optimizer) {
  i64 start = optimizer.start;
  double lr = optimizer.optimizer->lr();
  s("schedule_start", start);
  if (s.loading() && steps_per_epoch_ > 0) start_schedule(optimizer, start);
  s("schedule", *optimizer.schedule)("lr", lr);
  if (s.loading()) optimizer.optimizer->set_lr(lr);
}

}  // namespace weft::train
