// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/schedule_options.h"
#include "weft/optim/schedules.h"

#include <algorithm>
#include <cmath>

namespace weft::optim {
namespace {

class MultiStep : public WarmSchedule {
 public:
  MultiStep(const MultiStepOptions& o, const ScheduleSpan& span)
      : WarmSchedule(span, o.warmup, o.warmup_start, o.interval), gamma_(o.gamma) {
    for (const Duration& milestone : o.milestones)
      milestones_.push_back(milestone.steps(span.steps_per_epoch));
  }

 private:
  double curve(i64 step) const override {
    const auto passed = std::count_if(milestones_.begin(), milestones_.end(),
                                      [step](i64 milestone) { return step >= milestone; });
    return std::pow(gamma_, static_cast<double>(passed));
  }

  double gamma_;
  std::vector<i64> milestones_;
};

}  // namespace

void describe(Fields& f, MultiStepOptions& o) {
  f("milestones", o.milestones,
    "times at which the learning rate falls, from the start of training");
  f("gamma", o.gamma, "factor at each milestone", positive);
  describe_warmup(f, o);
  describe_interval(f, o);
}

static const bool registered = Registry<Schedule>::add<MultiStep, MultiStepOptions>("multi_step");

ScheduleRecipe multi_step(const MultiStepOptions& options) {
  return ScheduleRecipe::of("multi_step", options);
}

}  // namespace weft::optim
