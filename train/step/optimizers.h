// SPDX-License-Identifier: Apache-2.0
// The optimizers that a trainer steps, each with the schedule of its learning rate, and the loss
// scale that they share.
//
// Note [Several optimizers]
// A trainer may have optimizers besides the run's, each for parameters of its own, say of a second
// model (Trainer::add_optimizer). There is one loss, and all of them step on its gradients at the
// same moment; a loss that belongs to one alone is a term whose other gradients are cut or reversed
// (train/trainer/adversarial.cpp). Each has its own kind, learning rate and schedule, its own count
// of applied steps and its own gradient norm to clip by. Where its gradients are not finite, it
// alone skips the step. The shared loss scale falls when any of them did, as in PyTorch's
// GradScaler. Checkpoints and rollback name each of them. max_steps, validation and progress go by
// the run's own, which is the first.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "weft/kernels/optim/step_state.h"
#include "weft/optim/loss_scaler.h"
#include "weft/optim/optimizer.h"
#include "weft/optim/schedules.h"

namespace weft::train {

struct ScheduledOptimizer {
  std::string name;  // of its part of a checkpoint: optimizer, or optimizers.NAME
  std::shared_ptr<optim::Optimizer> optimizer;
  optim::ScheduleRecipe recipe;
  std::unique_ptr<optim::Schedule> schedule = {};  // null before the length of training is known
  i64 start = 0;                                   // the applied step that is the schedule's first

  // The next step, as the schedule counts.
  i64 schedule_step() const { return optimizer->applied_steps() - start; }
  // `factor` multiplies the learning rate. What a schedule leaves alone is the optimizer's, and all
  // of it where there is none.
  kernels::StepRates rates(i64 applied_step, double factor) const;
};

// How long training is, for schedules that run to its end.
struct TrainingLength {
  i64 steps_per_epoch = 0;  // 0: not known yet
  i64 steps = 0;            // in all
  friend bool operator==(const TrainingLength&, const TrainingLength&) = default;
};

class Optimizers {
 public:
  Optimizers(ScheduledOptimizer first, const std::optional<optim::LossScalerOptions>& scaling);

  // One more, as state and in reports called optimizers.NAME; its parameters are called
  // NAME.parameter. Throws UserError for a parameter that another optimizer has.
  void add(const std::string& name, nn::NamedParameters parameters,
           const optim::OptimizerRecipe& optimizer, const optim::ScheduleRecipe& scheduler);
  const std::vector<ScheduledOptimizer>& all() const { return all_; }
  optim::Optimizer& first() const { return *all_.front().optimizer; }
  const Device& device() const { return first().parameters().values().device(); }
  // Null where the precision wants no loss scaling.
  optim::LossScaler* loss_scaler() { return scaler_ ? &*scaler_ : nullptr; }
  const optim::LossScaler* loss_scaler() const { return scaler_ ? &*scaler_ : nullptr; }

  // Builds the schedules, unless they were built for this length already.
  void set_length(const TrainingLength& length);
  const TrainingLength& length() const { return length_; }
  // What optimizer `i` steps with.
  kernels::StepRates rates(std::size_t i, i64 applied_step) const;
  // Multiplies every learning rate, now and later.
  void scale_lr(double factor);
  // For the schedules that monitor this metric.
  void observe(const std::string& metric, double value);
  void zero_grad() const;
  optim::RebuildReport rebuild();
  // The first one's, over the steps that are left.
  void restart_schedule() { start_schedule(all_.front(), first().applied_steps()); }

  // What came of a step; a report for each optimizer. Throws TrainingError for an overflow at the
  // smallest loss scale.
  void record(std::span<const kernels::StepReport> reports);

  // A device holds copies of two things: of the sampled rates, and of the state (applied steps,
  // loss scale). A version changes when the host has changed what it counts, so that the copy is
  // stale.
  u64 rates_version() const;
  u64 state_version() const;

  // All but the optimizers' own state. The caller has what it needs of `length` saved before this.
  void state(State& s);

 private:
  void start_schedule(ScheduledOptimizer& optimizer, i64 first_step);
  void schedule_state(State& s, ScheduledOptimizer& optimizer);

  std::vector<ScheduledOptimizer> all_;  // never empty
  std::optional<optim::LossScaler> scaler_;
  TrainingLength length_;
  double lr_scale_ = 1;
  u64 rates_version_ = 1, loaded_ = 1;
};

}  // namespace weft::train
