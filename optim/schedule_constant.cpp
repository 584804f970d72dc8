// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/schedule_options.h"
#include "weft/optim/schedules.h"

namespace weft::optim {
namespace {

class Constant : public WarmSchedule {
 public:
  Constant(const ConstantOptions& o, const ScheduleSpan& span)
      : WarmSchedule(span, o.warmup, o.warmup_start, o.interval) {}

 private:
  double curve(i64) const override { return 1; }
};

}  // namespace

void describe(Fields& f, ConstantOptions& o) {
  describe_warmup(f, o);
  describe_interval(f, o);
}

static const bool registered = Registry<Schedule>::add<Constant, ConstantOptions>("constant");

ScheduleRecipe constant(const ConstantOptions& options) {
  return ScheduleRecipe::of("constant", options);
}

}  // namespace weft::optim
