// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/schedule_options.h"
#include "weft/optim/schedules.h"

#include <algorithm>
#include <cmath>

namespace weft::optim {
namespace {

class Polynomial : public WarmSchedule {
 public:
  Polynomial(const PolynomialOptions& o, const ScheduleSpan& span)
      : WarmSchedule(span, o.warmup, o.warmup_start, o.interval),
        options_(o),
        length_(steps_or_rest(o.over)) {}

 private:
  double curve(i64 step) const override {
    const i64 left = length_ - std::min(after_warmup(step), length_);
    const double height =
        std::pow(static_cast<double>(left) / static_cast<double>(length_), options_.power);
    return options_.final_factor + (1 - options_.final_factor) * height;
  }

  PolynomialOptions options_;
  i64 length_;
};

}  // namespace

void describe(Fields& f, PolynomialOptions& o) {
  f("power", o.power, "exponent", positive);
  f("final_factor", o.final_factor, "fraction of the learning rate at the end", in_range(0, 1));
  f("over", o.over, "time until the end value is reached; 0 for all of training");
  describe_warmup(f, o);
  describe_interval(f, o);
}

static const bool registered = Registry<Schedule>::add<Polynomial, PolynomialOptions>("polynomial");

ScheduleRecipe polynomial(const PolynomialOptions& options) {
  return ScheduleRecipe::of("polynomial", options);
}

}  // namespace weft::optim
