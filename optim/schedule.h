// SPDX-License-Identifier: Apache-2.0
// Learning-rate schedules: functions of the number of applied optimizer steps, computed in double
// on the host.
//
// A schedule yields a factor that multiplies the base learning rate of each parameter group, so one
// schedule serves groups of different learning rates. Steps count from 0: the first step uses
// lr_factor(0). A step that was skipped because of non-finite gradients does not advance the count.
//
// Note [Warm-up and the curve]
// The factor is ramp(step) · curve(step). The ramp rises linearly from `warmup_start` to 1 over
// `warmup`. Curves that depend on the length of training (cosine, linear, polynomial) stay at 1
// during the warm-up and extend from its end to the end of training. Curves with given times (step,
// multi_step, exponential) count from the start of training, so that a milestone at 30ep is at
// epoch 30 with or without a warm-up.
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

// The lengths in steps to which durations are converted. Both are at least 1.
struct ScheduleSpan {
  i64 steps_per_epoch = 1;
  i64 total_steps = 1;
};

// When the learning rate may change. `step` evaluates the curve at each step, `epoch` only at the
// first step of each epoch.
enum class Interval { step, epoch };
constexpr EnumNames<2> names_of(Interval) { return {"step", "epoch"}; }

class Schedule {
 public:
  virtual ~Schedule() = default;

  // The learning rate divided by the base learning rate. Defined for every applied_step ≥ 0, also
  // past the end of training.
  virtual double lr_factor(i64 applied_step) const = 0;
  // The momentum (beta1 of Adam) of this step; empty unless the schedule sets it.
  virtual std::optional<double> momentum(i64 applied_step) const;

  // The name of the metric that observe() needs after each validation; empty for none.
  virtual std::string monitor() const { return {}; }
  // Receives the metric of a validation. `applied_step` is that of the first step after it.
  virtual void observe(double metric, i64 applied_step);

  // Saves and loads the values that observe() changes (tensor/state.h).
  virtual void state(State&) {}
};

// A curve with a warm-up before it (Note [Warm-up and the curve]).
class WarmSchedule : public Schedule {
 public:
  double lr_factor(i64 applied_step) const final;

 protected:
  // The warm-up rises at each step, whatever the interval.
  WarmSchedule(const ScheduleSpan& span, const Duration& warmup, double warmup_start,
               Interval interval = Interval::step);
  virtual double curve(i64 step) const = 0;

  // The first step at or after `step` at which the learning rate may change: `step` itself, or the
  // first step of an epoch.
  i64 next_change(i64 step) const;
  // The number of steps after the warm-up; 0 during it.
  i64 after_warmup(i64 step) const { return step > warmup_steps_ ? step - warmup_steps_ : 0; }
  // The number of steps of `length`, or for a zero length of the training after the warm-up; at
  // least 1.
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
