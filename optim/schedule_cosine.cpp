// SPDX-License-Identifier: Apache-2.0
// Source: Loshchilov & Hutter, SGDR, arXiv 1608.03983.
#include "weft/core/checked.h"
#include "weft/optim/schedule_options.h"
#include "weft/optim/schedules.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace weft::optim {
namespace {

class Cosine : public WarmSchedule {
 public:
  Cosine(const CosineOptions& o, const ScheduleSpan& span)
      : WarmSchedule(span, o.warmup, o.warmup_start, o.interval),
        options_(o),
        length_(steps_or_rest(o.restart_every)) {}

 private:
  double curve(i64 step) const override {
    i64 position = after_warmup(step), length = length_;
    if (options_.restart_every.is_zero()) {
      position = std::min(position, length);
    } else if (options_.restart_mult == 1) {
      position %= length;
    } else {
      while (position >= length) {
        position -= length;
        length = saturating_product(length, options_.restart_mult);
      }
    }
    const double done = static_cast<double>(position) / static_cast<double>(length);
    return options_.final_factor +
           (1 - options_.final_factor) * (1 + std::cos(std::numbers::pi * done)) / 2;
  }

  CosineOptions options_;
  i64 length_;  // length of the first cycle in steps
};

}  // namespace

void describe(Fields& f, CosineOptions& o) {
  f("final_factor", o.final_factor, "fraction of the learning rate at the end", in_range(0, 1));
  f("restart_every", o.restart_every, "length of the first cycle; 0 for no restarts");
  f("restart_mult", o.restart_mult, "length of each cycle over that of the previous one",
    at_least(1));
  describe_warmup(f, o);
  describe_interval(f, o);
}

static const bool registered = Registry<Schedule>::add<Cosine, CosineOptions>("cosine");

ScheduleRecipe cosine(const CosineOptions& options) {
  return ScheduleRecipe::of("cosine", options);
}

}  // namespace weft::optim
