// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/schedule.h"

#include <algorithm>

#include "weft/core/checked.h"
#include "weft/core/error.h"

namespace weft::optim {

std::optional<double> Schedule::momentum(i64) const { return std::nullopt; }

void Schedule::observe(double, i64) {}

WarmSchedule::WarmSchedule(const ScheduleSpan& span, const Duration& warmup, double warmup_start,
                           Interval interval)
    : span_(span),
      warmup_steps_(warmup.steps(span.steps_per_epoch)),
      warmup_start_(warmup_start),
      by_epoch_(interval == Interval::epoch) {
  WEFT_CHECK(span.steps_per_epoch >= 1 && span.total_steps >= 1,
             "scheduler: {} steps per epoch and {} in all; at least 1 of each is required",
             span.steps_per_epoch, span.total_steps);
}

double WarmSchedule::lr_factor(i64 applied_step) const {
  const i64 epoch_begin = applied_step / span_.steps_per_epoch * span_.steps_per_epoch;
  const double height = curve(by_epoch_ ? epoch_begin : applied_step);
  if (applied_step >= warmup_steps_) return height;
  const double done = static_cast<double>(applied_step) / static_cast<double>(warmup_steps_);
  return height * (warmup_start_ + (1 - warmup_start_) * done);
}

i64 WarmSchedule::next_change(i64 step) const {
  const i64 epoch = span_.steps_per_epoch;
  return by_epoch_ ? saturating_sum(step, epoch - 1) / epoch * epoch : step;
}

i64 WarmSchedule::steps_or_rest(const Duration& length) const {
  const i64 steps =
      length.is_zero() ? span_.total_steps - warmup_steps_ : length.steps(span_.steps_per_epoch);
  return std::max<i64>(steps, 1);
}

}  // namespace weft::optim
