// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/schedule_options.h"
#include "weft/optim/schedules.h"

#include <cmath>

namespace weft::optim {
namespace {

class Exponential : public WarmSchedule {
 public:
  Exponential(const ExponentialOptions& o, const ScheduleSpan& span)
      : WarmSchedule(span, o.warmup, o.warmup_start, o.interval),
        options_(o),
        every_(steps_or_rest(o.every)) {}

 private:
  double curve(i64 step) const override {
    return std::pow(options_.gamma, static_cast<double>(step) / static_cast<double>(every_));
  }

  ExponentialOptions options_;
  i64 every_;
};

}  // namespace

void describe(Fields& f, ExponentialOptions& o) {
  f("gamma", o.gamma, "factor per period", positive);
  f("every", o.every, "length of a period");
  f.rule(!o.every.is_zero(), "every", "above 0");
  describe_warmup(f, o);
  describe_interval(f, o);
}

static const bool registered =
    Registry<Schedule>::add<Exponential, ExponentialOptions>("exponential");

ScheduleRecipe exponential(const ExponentialOptions& options) {
  return ScheduleRecipe::of("exponential", options);
}

}  // namespace weft::optim
