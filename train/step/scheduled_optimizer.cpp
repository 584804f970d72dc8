// SPDX-License-Identifier: Apache-2.0
#include "weft/train/step/scheduled_optimizer.h"

#include <algorithm>

namespace weft::train {

void ScheduledOptimizer::begin(i64 first_step, i64 steps_per_epoch, i64 total_steps) {
  start = first_step;
  schedule =
      recipe.make(optim::ScheduleSpan{steps_per_epoch, std::max<i64>(1, total_steps - first_step)});
}

kernels::StepRates ScheduledOptimizer::rates(i64 applied_step, double factor) const {
  const i64 step = applied_step - start;
  return {optimizer->base_lr() * factor * schedule->lr_factor(step),
          schedule->momentum(step).value_or(optimizer->momentum())};
}

// An optimizer without momentum refuses one, so what stays the same is not set.
void ScheduledOptimizer::set_rates(const kernels::StepRates& rates) {
  optimizer->set_lr(rates.lr);
  if (rates.momentum != optimizer->momentum()) optimizer->set_momentum(rates.momentum);
}

}  // namespace weft::train
