// SPDX-License-Identifier: Apache-2.0
// Learning-rate schedules: host functions in double of the number of applied optimizer steps.
//
// A schedule yields factors, which multiply the base learning rate of each parameter group; so one
// schedule serves groups of different learning rates. Steps count from 0: lr_factor(0) is used by
// the first step. A step that was skipped (non-finite gradients) does not advance the count.
//
// Note [Warm-up and the curve]
// The factor is ramp(step) · curve(step). The ramp rises linearly from `warmup_start` to 1 over
// `warmup`. Curves with an end (cosine, linear, polynomial) stay at 1 during the warm-up and span
// from its end to the end of training. Those with written times (step, multi_step, exponential)
// count from the start of training, so that a milestone at 30ep is at epoch 30, with a warm-up or
// without.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include "weft/core/duration.h"
#include "weft/core/registry.h"
#include "weft/core/types.h"
#include "weft/tensor/state.h"

namespace weft::optim {

// What durations are measured against. Both at least 1.
struct ScheduleSpan {
  i64 steps_per_epoch = 1;
  i64 total_steps = 1;
};

// When the learning rate may change: `step` samples the curve at each step, `epoch` at the first
// step of each epoch.
enum class Interval { step, epoch };
constexpr EnumNames<2> names_of(Interval) { return {"step", "epoch"}; }

class Schedule {
 public:
  virtual ~Schedule() = default;

  // Learning rate over base learning rate. Defined for every applied_step ≥ 0, also past the end.
  virtual double lr_factor(i64 applied_step) const = 0;
  // The momentum (beta1 of Adam) of this step, from a schedule that drives it.
  virtual std::optional<double> momentum(i64 applied_step) const;

  // The metric that observe() wants after each validation; empty for none.
  virtual std::string monitor() const { return {}; }
  // `applied_step`: of the first step that comes after it.
  virtual void observe(double metric, i64 applied_step);

  // What observe() has changed, for a checkpoint (tensor/state.h).
  virtual void state(State&) {}
};

// A curve with a warm-up before it (Note [Warm-up and the curve]).
class WarmSchedule : public Schedule {
 public:
  double lr_factor(i64 applied_step) const final;

 protected:
  // The warm-up rises step by step with either interval.
  WarmSchedule(const ScheduleSpan& span, const Duration& warmup, double warmup_start,
               Interval interval = Interval::step);
  virtual double curve(i64 step) const = 0;

  // The first step at or after `step` at which the learning rate may change: `step`, or the first
  // of an epoch.
  i64 next_change(i64 step) const;
  // Steps done after the warm-up; 0 during it.
  i64 after_warmup(i64 step) const { return step > warmup_steps_ ? step - warmup_steps_ : 0; }
  // Steps of `length`, or for zero of all that remains after the warm-up; at least 1.
  i64 steps_or_rest(const Duration& length) const;

 private:
  ScheduleSpan span_;
  i64 warmup_steps_;
  double warmup_start_;
  bool by_epoch_;
};

}  // namespace weft::optim

namespace weft {
// A schedule is made for the span of a training run: recipe.make(span).
template <>
struct RegistryTraits<optim::Schedule> : RegistryDefaults<optim::Schedule> {
  static constexpr const char* kind = "scheduler";
  using Context = std::tuple<optim::ScheduleSpan>;
};
}  // namespace weft

namespace weft::optim {
using ScheduleRecipe = Recipe<Schedule>;
}
