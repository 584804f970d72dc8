// SPDX-License-Identifier: Apache-2.0
#include "weft/train/step/optimizers.h"

#include <algorithm>
#include <cmath>

#include "weft/optim/device_step.h"

namespace weft::train {
namespace {

// Of a state that comes from a file. Each rollback multiplies the scale by its lr_factor.
constexpr double kLeastScale = 1e-30, kMostScale = 1e6, kMostRate = 1e30;

}  // namespace

kernels::StepRates ScheduledOptimizer::rates(i64 applied_step, double factor) const {
  if (schedule == nullptr) return {optimizer->lr() * factor, optimizer->momentum()};
  const i64 step = applied_step - start;
  const double scheduled = schedule->lr_factor(step);
  WEFT_CHECK(
      std::isfinite(scheduled) && scheduled >= 0,
      "scheduler of '{}': the factor of the learning rate at step {} is {}; a finite one of at "
      "least 0 is required",
      name, step, scheduled);
  return {optimizer->base_lr() * factor * scheduled,
          schedule->momentum(step).value_or(optimizer->momentum())};
}

Optimizers::Optimizers(ScheduledOptimizer first,
                       const std::optional<optim::LossScalerOptions>& scaling) {
  all_.push_back(std::move(first));
  if (scaling) scaler_.emplace(*scaling);
}

void Optimizers::add(const std::string& name, nn::NamedParameters parameters,
                     const optim::OptimizerRecipe& optimizer,
                     const optim::ScheduleRecipe& scheduler) {
  for (nn::NamedParameter& p : parameters) {
    p.name = name + "." + p.name;
    for (const ScheduledOptimizer& other : all_)
      for (const auto& segment : other.optimizer->parameters().segments())
        WEFT_CHECK(
            segment.leaf != p.variable.leaf_state(),
            "add_optimizer: '{}' is '{}' of {}; a parameter of no other optimizer is required",
            p.name, segment.name, other.name);
  }
  all_.push_back({"optimizers." + name, optimizer.make(parameters), scheduler});
}

void Optimizers::set_length(const TrainingLength& length) {
  if (all_.front().schedule != nullptr && length == length_) return;
  length_ = length;
  for (ScheduledOptimizer& each : all_) start_schedule(each, 0);
}

void Optimizers::start_schedule(ScheduledOptimizer& optimizer, i64 first_step) {
  optimizer.start = first_step;
  optimizer.schedule = optimizer.recipe.make(
      optim::ScheduleSpan{length_.steps_per_epoch, std::max<i64>(1, length_.steps - first_step)});
  ++rates_version_;
}

kernels::StepRates Optimizers::rates(std::size_t i, i64 applied_step) const {
  return all_[i].rates(applied_step, lr_scale_);
}

void Optimizers::scale_lr(double factor) {
  WEFT_CHECK(std::isfinite(factor) && factor > 0,
             "scale_lr: {} given; a factor above 0 is required", factor);
  lr_scale_ *= factor;
  ++rates_version_;
}

void Optimizers::drop_schedules() {
  for (ScheduledOptimizer& each : all_) {
    each.recipe = optim::constant();
    if (each.schedule != nullptr) start_schedule(each, each.start);
  }
}

void Optimizers::observe(const std::string& metric, double value) {
  for (ScheduledOptimizer& each : all_)
    if (each.schedule->monitor() == metric) each.schedule->observe(value, each.schedule_step());
  ++rates_version_;
}

u64 Optimizers::layout_version() const {
  u64 version = 0;
  for (const ScheduledOptimizer& each : all_)
    version += each.optimizer->parameters().layout_version();
  return version;
}

void Optimizers::zero_grad() const {
  for (const ScheduledOptimizer& each : all_) each.optimizer->zero_grad();
}

optim::RebuildReport Optimizers::rebuild() {
  optim::RebuildReport report;
  const auto append = [](std::vector<std::string>& names, std::vector<std::string> more) {
    names.insert(names.end(), more.begin(), more.end());
  };
  for (ScheduledOptimizer& each : all_) {
    optim::RebuildReport its = each.optimizer->rebuild();
    append(report.kept, std::move(its.kept));
    append(report.created, std::move(its.created));
    append(report.stashed, std::move(its.stashed));
    append(report.restored, std::move(its.restored));
  }
  return report;
}

void Optimizers::record(std::span<const kernels::StepReport> reports) {
  for (std::size_t i = 0; i < all_.size(); ++i)
    all_[i].optimizer->device_step().record(reports[i].applied, reports[i].rates.lr,
                                            reports[i].rates.momentum);
  if (!scaler_) return;
  const kernels::StepReport& last = reports.back();
  if (last.halted && last.bad_batch < 0) scaler_->fail_at_min_scale();
  scaler_->set_loss_scale(last.loss_scale);
}

u64 Optimizers::rates_version() const {
  return rates_version_ + (all_.front().schedule == nullptr ? state_version() : 0);
}

u64 Optimizers::state_version() const {
  u64 version = loaded_;
  for (const ScheduledOptimizer& each : all_) version += each.optimizer->state_version();
  return version;
}

void Optimizers::state(State& s) {
  s.within("lr_scale", lr_scale_, kLeastScale, kMostScale);
  schedule_state(s, all_.front());
  struct Further {
    Optimizers& optimizers;
    ScheduledOptimizer& its;
    void state(State& s) { optimizers.schedule_state(s, its); }
  };
  for (std::size_t i = 1; i < all_.size(); ++i) {
    Further further{*this, all_[i]};
    s(all_[i].name, further);
  }
  if (scaler_) s("loss_scaler", *scaler_);
  if (!s.loading()) return;
  ++rates_version_;
  ++loaded_;
}

// A schedule is built anew for the loaded length; its state holds only observed values.
void Optimizers::schedule_state(State& s, ScheduledOptimizer& optimizer) {
  i64 start = optimizer.start;
  double lr = optimizer.optimizer->lr();
  s.within("schedule_start", start, 0, kMostSaved);
  if (s.loading() && length_.steps_per_epoch > 0) start_schedule(optimizer, start);
  s("schedule", *optimizer.schedule).within("lr", lr, 0, kMostRate);
  if (s.loading()) optimizer.optimizer->set_lr(lr);
}

}  // namespace weft::train
