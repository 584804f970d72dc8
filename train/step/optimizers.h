// SPDX-License-Identifier: Apache-2.0
// The optimizers of a trainer, each with its learning-rate schedule, and the loss scale that they
// share.
//
// Note [Several optimizers]
// A trainer may have optimizers besides the run's, each with its own parameters, for example of a
// second model (Trainer::add_optimizer). There is one loss, and all optimizers step on its
// gradients in the same step. A loss for one optimizer alone is a term whose other gradients are
// detached or reversed (train/trainer/adversarial.cpp). Each optimizer has its own type, learning
// rate and schedule, its own count of applied steps and its own gradient norm for clipping. An
// optimizer whose gradients are not finite skips the step; the others do not. The shared loss scale
// is lowered when any optimizer skipped, as in PyTorch's GradScaler. Checkpoints and rollback
// include every optimizer. max_steps, validation and progress count the steps of the run's own
// optimizer, which is the first.
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
  std::string name;  // name of its part of a checkpoint: optimizer, or optimizers.NAME
  std::shared_ptr<optim::Optimizer> optimizer;
  optim::ScheduleRecipe recipe;
  std::unique_ptr<optim::Schedule> schedule = {};  // null before the length of training is known
  i64 start = 0;                                   // the applied step that is the schedule's first

  // The next step, counted from the schedule's first.
  i64 schedule_step() const { return optimizer->applied_steps() - start; }
  // `factor` multiplies the learning rate. Values that the schedule does not set are the
  // optimizer's own; without a schedule all are.
  kernels::StepRates rates(i64 applied_step, double factor) const;
};

// The length of training, for schedules that depend on it.
struct TrainingLength {
  i64 steps_per_epoch = 0;  // 0: not known yet
  i64 steps = 0;            // in all
  friend bool operator==(const TrainingLength&, const TrainingLength&) = default;
};

class Optimizers {
 public:
  Optimizers(ScheduledOptimizer first, const std::optional<optim::LossScalerOptions>& scaling);

  // Adds an optimizer. It is called optimizers.NAME in states and reports, and its parameters are
  // called NAME.parameter. Throws UserError for a parameter that another optimizer has.
  void add(const std::string& name, nn::NamedParameters parameters,
           const optim::OptimizerRecipe& optimizer, const optim::ScheduleRecipe& scheduler);
  const std::vector<ScheduledOptimizer>& all() const { return all_; }
  optim::Optimizer& first() const { return *all_.front().optimizer; }
  const Device& device() const { return first().parameters().values().device(); }
  // Null if the precision has no loss scaling.
  optim::LossScaler* loss_scaler() { return scaler_ ? &*scaler_ : nullptr; }
  const optim::LossScaler* loss_scaler() const { return scaler_ ? &*scaler_ : nullptr; }

  // Builds the schedules, unless they were already built for this length.
  void set_length(const TrainingLength& length);
  const TrainingLength& length() const { return length_; }
  // The learning rate and momentum that optimizer `i` steps with.
  kernels::StepRates rates(std::size_t i, i64 applied_step) const;
  // Multiplies all current and future learning rates.
  void scale_lr(double factor);
  // Makes every schedule constant from now on.
  void drop_schedules();
  // Passes a value to the schedules that monitor this metric.
  void observe(const std::string& metric, double value);
  void zero_grad() const;
  // A count that increases when the gradients of any optimizer are allocated anew (Note [Flat
  // parameters]).
  u64 layout_version() const;
  optim::RebuildReport rebuild();
  // Restarts the schedule of the first optimizer over the remaining steps.
  void restart_schedule() { start_schedule(all_.front(), first().applied_steps()); }

  // Records the outcome of a step, with one report for each optimizer. Throws TrainingError for an
  // overflow at the smallest loss scale.
  void record(std::span<const kernels::StepReport> reports);

  // A device holds copies of the sampled learning rates and of the state (applied steps, loss
  // scale). Each has a version. The version changes when the host changes the values, which makes
  // the copy stale.
  u64 rates_version() const;
  u64 state_version() const;

  // Saves or loads all but the optimizers' own state. The caller saves what it needs of `length`
  // before this.
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
