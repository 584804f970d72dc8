// SPDX-License-Identifier: Apache-2.0
// The schedules: options with their defaults, and recipes. One .cpp per schedule has the curve, the
// description for configs and the registration under the name of the recipe.
//
//   optim::cosine({.warmup = "1ep", .final_factor = 0.01})
//
// Recipes throw UserError for values out of range. Factors are fractions of the base learning rate.
// Common to all: `interval`, when the learning rate may change; to all but one_cycle: `warmup` and
// `warmup_start` (optim/schedule.h).
#pragma once
#include <vector>

#include "weft/core/monitor_mode.h"
#include "weft/optim/schedule.h"

namespace weft::optim {

struct ConstantOptions {
  Duration warmup = {};
  double warmup_start = 0.01;
  Interval interval = Interval::step;
};

// gamma^⌊step / every⌋
struct StepOptions {
  Duration every = "30ep";
  double gamma = 0.1;
  Duration warmup = {};
  double warmup_start = 0.01;
  Interval interval = Interval::step;
};

// gamma^(milestones passed)
struct MultiStepOptions {
  std::vector<Duration> milestones = {};
  double gamma = 0.1;
  Duration warmup = {};
  double warmup_start = 0.01;
  Interval interval = Interval::step;
};

// Half a cosine from 1 to final_factor; with restarts, one after another, each `restart_mult` times
// as long as the one before.
struct CosineOptions {
  double final_factor = 0;
  Duration restart_every = {};  // zero: no restarts
  i64 restart_mult = 1;
  Duration warmup = {};
  double warmup_start = 0.01;
  Interval interval = Interval::step;
};

// A line from 1 to final_factor over `over` (zero: until the end), flat after it.
struct LinearOptions {
  double final_factor = 0;
  Duration over = {};
  Duration warmup = {};
  double warmup_start = 0.01;
  Interval interval = Interval::step;
};

// gamma^(step / every)
struct ExponentialOptions {
  double gamma = 0.95;
  Duration every = "1ep";
  Duration warmup = {};
  double warmup_start = 0.01;
  Interval interval = Interval::step;
};

// final_factor + (1 - final_factor) · (1 - step/over)^power
struct PolynomialOptions {
  double power = 1;
  double final_factor = 0;
  Duration over = {};  // zero: until the end
  Duration warmup = {};
  double warmup_start = 0.01;
  Interval interval = Interval::step;
};

// The shape of the rise and the fall of one_cycle.
enum class Anneal { cosine, linear };
constexpr EnumNames<2> names_of(Anneal) { return {"cosine", "linear"}; }

// Rises from 1/div_factor to 1 in the first pct_start of training, then falls to
// 1/(div_factor · final_div_factor); momentum moves the other way. With three_phase it falls back
// to 1/div_factor as fast as it rose, and to the end value in the rest. source: Smith & Topin,
// arXiv 1708.07120
struct OneCycleOptions {
  double pct_start = 0.3;
  double div_factor = 25;
  double final_div_factor = 1e4;
  Anneal anneal = Anneal::cosine;
  bool three_phase = false;
  bool cycle_momentum = true;
  double base_momentum = 0.85;
  double max_momentum = 0.95;
  Interval interval = Interval::step;
};

// `threshold` is a fraction of the best value, or a difference to it.
enum class ThresholdMode { relative, absolute };
constexpr EnumNames<2> names_of(ThresholdMode) { return {"relative", "absolute"}; }

// Multiplied by `factor` when `monitor` has not improved by `threshold` for more than `patience`
// validations; then waits `cooldown` of them before it counts again. By `interval` the learning
// rate falls at once, or with the next epoch where validation is within one.
struct PlateauOptions {
  std::string monitor = "validation/loss";
  MonitorMode mode = MonitorMode::min;
  double factor = 0.1;
  i64 patience = 10;
  i64 cooldown = 0;
  double threshold = 1e-4;
  ThresholdMode threshold_mode = ThresholdMode::relative;
  double min_factor = 0;
  Duration warmup = {};
  double warmup_start = 0.01;
  Interval interval = Interval::step;
};

void describe(Fields& f, ConstantOptions& o);
void describe(Fields& f, StepOptions& o);
void describe(Fields& f, MultiStepOptions& o);
void describe(Fields& f, CosineOptions& o);
void describe(Fields& f, LinearOptions& o);
void describe(Fields& f, ExponentialOptions& o);
void describe(Fields& f, PolynomialOptions& o);
void describe(Fields& f, OneCycleOptions& o);
void describe(Fields& f, PlateauOptions& o);

ScheduleRecipe constant(const ConstantOptions& options = {});
ScheduleRecipe step(const StepOptions& options = {});
ScheduleRecipe multi_step(const MultiStepOptions& options);
ScheduleRecipe cosine(const CosineOptions& options = {});
ScheduleRecipe linear(const LinearOptions& options = {});
ScheduleRecipe exponential(const ExponentialOptions& options = {});
ScheduleRecipe polynomial(const PolynomialOptions& options = {});
ScheduleRecipe one_cycle(const OneCycleOptions& options = {});
ScheduleRecipe plateau(const PlateauOptions& options = {});

}  // namespace weft::optim
