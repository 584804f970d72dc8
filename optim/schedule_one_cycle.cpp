// SPDX-License-Identifier: Apache-2.0
// Source: Smith & Topin, Super-Convergence, arXiv 1708.07120. The borders of the phases are those
// of PyTorch's OneCycleLR.
#include "weft/optim/schedule_options.h"
#include "weft/optim/schedules.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace weft::optim {
namespace {

struct Phase {
  double end;  // the step at which the phase ends; it may be fractional
  double lr_from, lr_to;
  double momentum_from, momentum_to;
};

class OneCycle : public Schedule {
 public:
  OneCycle(const OneCycleOptions& o, const ScheduleSpan& span)
      : options_(o), stride_(o.interval == Interval::epoch ? span.steps_per_epoch : 1) {
    const auto steps = static_cast<double>(span.total_steps);
    const double low = 1 / o.div_factor, end = low / o.final_div_factor;
    const double peak = o.pct_start * steps - 1;
    const double base = o.base_momentum, max = o.max_momentum;
    phases_ = {{peak, low, 1, max, base}};
    if (o.three_phase) {
      phases_.push_back({2 * o.pct_start * steps - 2, 1, low, base, max});
      phases_.push_back({steps - 1, low, end, max, max});
    } else {
      phases_.push_back({steps - 1, 1, end, base, max});
    }
  }

  double lr_factor(i64 applied_step) const override {
    const Position at = position(applied_step);
    return between(at.phase.lr_from, at.phase.lr_to, at.done);
  }

  std::optional<double> momentum(i64 applied_step) const override {
    if (!options_.cycle_momentum) return std::nullopt;
    const Position at = position(applied_step);
    return between(at.phase.momentum_from, at.phase.momentum_to, at.done);
  }

 private:
  struct Position {
    const Phase& phase;
    double done;  // fraction of the phase, 0 to 1
  };

  Position position(i64 applied_step) const {
    const i64 sampled = applied_step / stride_ * stride_;
    const auto step = static_cast<double>(sampled);
    double start = 0;
    std::size_t i = 0;
    while (i + 1 < phases_.size() && step > phases_[i].end) start = phases_[i++].end;
    const double length = phases_[i].end - start;
    return {phases_[i], length > 0 ? std::min((step - start) / length, 1.0) : 1.0};
  }

  double between(double from, double to, double done) const {
    if (options_.anneal == Anneal::linear) return from + (to - from) * done;
    return to + (from - to) * (1 + std::cos(std::numbers::pi * done)) / 2;
  }

  OneCycleOptions options_;
  i64 stride_;  // steps between two changes of the learning rate
  std::vector<Phase> phases_;
};

}  // namespace

void describe(Fields& f, OneCycleOptions& o) {
  f("pct_start", o.pct_start, "fraction of training in which the learning rate rises",
    in_range(0, 1));
  f("div_factor", o.div_factor, "base learning rate over the first one", at_least(1));
  f("final_div_factor", o.final_div_factor, "first learning rate over the last one", at_least(1));
  f("anneal", o.anneal, "curve of rise and fall");
  f("three_phase", o.three_phase, "whether it falls as fast as it rose, then to the end value");
  f("cycle_momentum", o.cycle_momentum, "whether momentum (beta1) moves against the learning rate");
  f("base_momentum", o.base_momentum, "momentum at the base learning rate", from_to_below(0, 1));
  f("max_momentum", o.max_momentum, "momentum at the first and last step", from_to_below(0, 1));
  describe_interval(f, o);
  f.rule(!o.three_phase || o.pct_start <= 0.5, "pct_start", "at most 0.5 with three_phase");
}

static const bool registered = Registry<Schedule>::add<OneCycle, OneCycleOptions>("one_cycle");

ScheduleRecipe one_cycle(const OneCycleOptions& options) {
  return ScheduleRecipe::of("one_cycle", options);
}

}  // namespace weft::optim
