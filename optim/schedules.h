// SPDX-License-Identifier: Apache-2.0
// The schedules: options with their defaults, and recipes. Each schedule has one .cpp with its
// curve, its description for configs and its registration under the name of the recipe.
//
//   optim::cosine({.warmup = "1ep", .final_factor = 0.01})
//
// Recipes throw UserError for values out of range. Factors are fractions of the base learning rate.
// All schedules have the option `interval`, which says when the learning rate may change. All but
// one_cycle have `warmup` and `warmup_start` (optim/schedule.h).
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

// The factor is gamma^⌊step / every⌋.
struct StepOptions {
  Duration every = "30ep";
  double gamma = 0.1;
  Duration warmup = {};
  double warmup_start = 0.01;
  Interval interval = Interval::step;
};

// The factor is gamma^(number of milestones reached).
struct MultiStepOptions {
  std::vector<Duration> milestones = {};
  double gamma = 0.1;
  Duration warmup = {};
  double warmup_start = 0.01;
  Interval interval = Interval::step;
};

// The factor follows half a cosine from 1 to final_factor. With restarts, such cycles follow one
// another, each `restart_mult` times as long as the previous one.
struct CosineOptions {
  double final_factor = 0;
  Duration restart_every = {};  // zero means no restarts
  i64 restart_mult = 1;
  Duration warmup = {};
  double warmup_start = 0.01;
  Interval interval = Interval::step;
};

// The factor changes linearly from 1 to final_factor over `over` (zero means until the end), and
// stays there.
struct LinearOptions {
  double final_factor = 0;
  Duration over = {};
  Duration warmup = {};
  double warmup_start = 0.01;
  Interval interval = Interval::step;
};

// The factor is gamma^(step / every).
struct ExponentialOptions {
  double gamma = 0.95;
  Duration every = "1ep";
  Duration warmup = {};
  double warmup_start = 0.01;
  Interval interval = Interval::step;
};

// The factor is final_factor + (1 − final_factor) · (1 − step/over)^power.
struct PolynomialOptions {
  double power = 1;
  double final_factor = 0;
  Duration over = {};  // zero means until the end
  Duration warmup = {};
  double warmup_start = 0.01;
  Interval interval = Interval::step;
};

// The curve between two learning rates of one_cycle.
enum class Anneal { cosine, linear };
constexpr EnumNames<2> names_of(Anneal) { return {"cosine", "linear"}; }

// The factor rises from 1/div_factor to 1 in the first fraction pct_start of training, then falls
// to 1/(div_factor · final_div_factor). The momentum falls while the factor rises, and rises while
// it falls. With three_phase the factor falls to 1/div_factor in as many steps as it rose, and to
// the end value in the remaining steps. Source: Smith & Topin, arXiv 1708.07120.
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

// Whether `threshold` is a fraction of the best value or an absolute difference to it.
enum class ThresholdMode { relative, absolute };
constexpr EnumNames<2> names_of(ThresholdMode) { return {"relative", "absolute"}; }

// The factor is multiplied by `factor` when `monitor` has not improved by `threshold` for more than
// `patience` validations. The next `cooldown` validations are then not counted. With the interval
// `step` the learning rate falls at once. With `epoch` it falls at the next first step of an epoch.
struct PlateauOptions {
  std::string monitor = "validation/loss";
  MonitorMode mode = MonitorMode::by_metric;
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
