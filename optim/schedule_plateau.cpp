// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/schedule_options.h"
#include "weft/optim/schedules.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace weft::optim {
namespace {

class Plateau : public WarmSchedule {
 public:
  Plateau(const PlateauOptions& o, const ScheduleSpan& span)
      : WarmSchedule(span, o.warmup, o.warmup_start, o.interval), options_(o) {
    best_ = options_.mode == MonitorMode::max ? -std::numeric_limits<double>::infinity()
                                              : std::numeric_limits<double>::infinity();
  }

  std::string monitor() const override { return options_.monitor; }

  void state(State& s) override {
    s.within("factor", factor_, 0, 1).within("before", before_, 0, 1);
    s.within("from", from_, 0, kMostSaved)("best", best_);
    s.within("bad", bad_, 0, kMostSaved).within("cooling", cooling_, 0, kMostSaved);
  }

  void observe(double metric, i64 applied_step) override {
    if (better(metric)) {
      best_ = metric;
      bad_ = 0;
    } else {
      ++bad_;
    }
    if (cooling_ > 0) {
      --cooling_;
      bad_ = 0;
    }
    if (bad_ > options_.patience) {
      if (applied_step >= from_) before_ = factor_;
      from_ = next_change(applied_step);
      factor_ = std::max(factor_ * options_.factor, options_.min_factor);
      cooling_ = options_.cooldown;
      bad_ = 0;
    }
  }

 private:
  double curve(i64 step) const override { return step >= from_ ? factor_ : before_; }

  // A NaN is never an improvement.
  bool better(double metric) const {
    if (std::isinf(best_)) return std::isfinite(metric);
    const double margin = options_.threshold_mode == ThresholdMode::absolute
                              ? options_.threshold
                              : options_.threshold * std::abs(best_);
    return options_.mode == MonitorMode::max ? metric > best_ + margin : metric < best_ - margin;
  }

  PlateauOptions options_;
  double factor_ = 1, before_ = 1;
  i64 from_ = 0;  // the step at which factor_ takes the place of before_
  double best_ = 0;
  i64 bad_ = 0;      // validations without improvement
  i64 cooling_ = 0;  // validations left in which none counts as bad
};

}  // namespace

void describe(Fields& f, PlateauOptions& o) {
  f("monitor", o.monitor, "metric to watch");
  f.rule(!o.monitor.empty(), "monitor", "the name of a metric");
  f("mode", o.mode, kMonitorModeHelp);
  f("factor", o.factor, "multiplies the learning rate at a plateau", from_to_below(0, 1));
  f("patience", o.patience, "validations without improvement that are tolerated", non_negative);
  f("cooldown", o.cooldown, "validations that are not counted after a reduction", non_negative);
  f("threshold", o.threshold, "minimum change that counts as an improvement", non_negative);
  f("threshold_mode", o.threshold_mode, "relative to the best value, or an absolute difference");
  f("min_factor", o.min_factor, "minimum fraction of the learning rate", in_range(0, 1));
  describe_warmup(f, o);
  describe_interval(f, o);
}

static const bool registered = Registry<Schedule>::add<Plateau, PlateauOptions>("plateau");

ScheduleRecipe plateau(const PlateauOptions& options) {
  return ScheduleRecipe::of("plateau", options);
}

}  // namespace weft::optim
