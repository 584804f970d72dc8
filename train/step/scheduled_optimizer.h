// SPDX-License-Identifier: Apache-2.0
// An optimizer and the schedule of its rates: what a trainer steps. A trainer may have several, each with
// parameters of its own and on its own terms (train/trainer/trainer.h).
#pragma once
#include <memory>
#include <string>

#include "weft/kernels/optim/step_state.h"
#include "weft/optim/optimizer.h"
#include "weft/optim/schedules.h"

namespace weft::train {

struct ScheduledOptimizer {
  std::string name;  // of its part of a checkpoint: optimizer, or optimizers.NAME
  std::unique_ptr<optim::Optimizer> optimizer;
  optim::ScheduleRecipe recipe;
  std::unique_ptr<optim::Schedule> schedule = {};  // null before the length of training is known
  i64 start = 0;                                   // the applied step that is the schedule's first

  // A new schedule from an applied step on; `total_steps` are those of the whole training.
  void begin(i64 first_step, i64 steps_per_epoch, i64 total_steps);
  // The next step, as the schedule counts.
  i64 schedule_step() const { return optimizer->applied_steps() - start; }
  // `factor` multiplies the rate. What a schedule leaves alone is the optimizer's.
  kernels::StepRates rates(i64 applied_step, double factor) const;
  void set_rates(const kernels::StepRates& rates);
};

}  // namespace weft::train
