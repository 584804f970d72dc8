// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/schedule_options.h"
#include "weft/optim/schedules.h"

#include <algorithm>

namespace weft::optim {
namespace {

class Linear : public WarmSchedule {
 public:
  Linear(const LinearOptions& o, const ScheduleSpan& span)
      : WarmSchedule(span, o.warmup, o.warmup_start, o.interval),
        options_(o),
        length_(steps_or_rest(o.over)) {}

 private:
  double curve(i64 step) const override {
    const auto done = static_cast<double>(std::min(after_warmup(step), length_));
    return 1 + (options_.final_factor - 1) * done / static_cast<double>(length_);
  }

  LinearOptions options_;
  i64 length_;
};

}  // namespace

void describe(Fields& f, LinearOptions& o) {
  f("final_factor", o.final_factor, "fraction of the learning rate at the end", non_negative);
  f("over", o.over, "time until the end value is reached; 0 for all of training");
  describe_warmup(f, o);
  describe_interval(f, o);
}

static const bool registered = Registry<Schedule>::add<Linear, LinearOptions>("linear");

ScheduleRecipe linear(const LinearOptions& options) {
  return ScheduleRecipe::of("linear", options);
}

}  // namespace weft::optim
