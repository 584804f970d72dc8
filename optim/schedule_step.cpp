// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/schedule_options.h"
#include "weft/optim/schedules.h"

#include <cmath>

namespace weft::optim {
namespace {

class Step : public WarmSchedule {
 public:
  Step(const StepOptions& o, const ScheduleSpan& span)
      : WarmSchedule(span, o.warmup, o.warmup_start, o.interval),
        options_(o),
        every_(steps_or_rest(o.every)) {}

 private:
  double curve(i64 step) const override {
    const i64 periods = step / every_;
    return std::pow(options_.gamma, static_cast<double>(periods));
  }

  StepOptions options_;
  i64 every_;
};

}  // namespace

void describe(Fields& f, StepOptions& o) {
  f("every", o.every, "time between two reductions");
  f("gamma", o.gamma, "factor of each reduction", positive);
  f.rule(!o.every.is_zero(), "every", "above 0");
  describe_warmup(f, o);
  describe_interval(f, o);
}

static const bool registered = Registry<Schedule>::add<Step, StepOptions>("step");

ScheduleRecipe step(const StepOptions& options) { return ScheduleRecipe::of("step", options); }

}  // namespace weft::optim
