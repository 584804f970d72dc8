// SPDX-License-Identifier: Apache-2.0
// The schedules compared with 1,000 steps of PyTorch (tests/golden/make_schedules.py).
#include <cmath>
#include <fstream>
#include <functional>
#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/optim/schedules.h"

namespace weft::optim {
namespace {

const nlohmann::json& golden_schedules() {
  static const auto file =
      nlohmann::json::parse(std::ifstream(WEFT_SOURCE_ROOT "/tests/golden/schedules.json"));
  return file;
}

// Expands a list of values, in which [value, count] stands for equal values in a row.
std::vector<double> expanded(const nlohmann::json& runs) {
  std::vector<double> values;
  for (const auto& run : runs) {
    if (run.is_array())
      values.insert(values.end(), run[1].get<std::size_t>(), run[0].get<double>());
    else values.push_back(run.get<double>());
  }
  return values;
}

struct Case {
  ScheduleRecipe recipe;
  std::string metrics = {};  // the list in the golden file that drives a plateau
};

const std::map<std::string, Case>& cases() {
  static const std::map<std::string, Case> all = {
      {"step_300", {step({.every = "300ba"})}},
      {"step_7ep_half", {step({.every = "7ep", .gamma = 0.5})}},
      {"step_warmup_100", {step({.every = "300ba", .warmup = "100ba"})}},
      {"multi_step_300_700", {multi_step({.milestones = {"300ba", "700ba"}})}},
      {"multi_step_epochs", {multi_step({.milestones = {"10ep", "25ep", "40ep"}, .gamma = 0.3})}},
      {"multi_step_warmup_2ep",
       {multi_step(
           {.milestones = {"15ep", "35ep"}, .gamma = 0.2, .warmup = "2ep", .warmup_start = 0.1})}},
      {"cosine", {cosine()}},
      {"cosine_final", {cosine({.final_factor = 0.05})}},
      {"cosine_per_epoch", {cosine({.interval = Interval::epoch})}},
      {"cosine_warmup_100", {cosine({.warmup = "100ba"})}},
      {"cosine_warmup_1ep_final",
       {cosine({.final_factor = 0.01, .warmup = "1ep", .warmup_start = 0.1})}},
      {"cosine_restarts_100_doubling", {cosine({.restart_every = "5ep", .restart_mult = 2})}},
      {"cosine_restarts_200_final", {cosine({.final_factor = 0.1, .restart_every = "10ep"})}},
      {"cosine_restarts_warmup_50",
       {cosine({.restart_every = "120ba", .restart_mult = 3, .warmup = "50ba"})}},
      {"linear", {linear()}},
      {"linear_over_500", {linear({.final_factor = 0.1, .over = "25ep"})}},
      {"linear_warmup_100", {linear({.warmup = "5ep"})}},
      {"exponential_per_epoch", {exponential({.gamma = 0.9, .interval = Interval::epoch})}},
      {"exponential_per_step", {exponential({.gamma = 0.995, .every = "1ba"})}},
      {"exponential_warmup_50",
       {exponential({.gamma = 0.998, .every = "1ba", .warmup = "50ba", .warmup_start = 0.2})}},
      {"polynomial", {polynomial()}},
      {"polynomial_square", {polynomial({.power = 2})}},
      {"polynomial_over_800", {polynomial({.power = 0.9, .over = "800ba"})}},
      {"polynomial_warmup_100", {polynomial({.power = 0.9, .warmup = "100ba"})}},
      {"one_cycle", {one_cycle()}},
      {"one_cycle_linear",
       {one_cycle({.pct_start = 0.2,
                   .div_factor = 10,
                   .final_div_factor = 100,
                   .anneal = Anneal::linear,
                   .base_momentum = 0.8,
                   .max_momentum = 0.9})}},
      {"one_cycle_three_phase", {one_cycle({.pct_start = 0.4, .three_phase = true})}},
      {"plateau", {plateau({.factor = 0.5, .patience = 2}), "losses"}},
      {"plateau_cooldown",
       {plateau({.factor = 0.3,
                 .patience = 1,
                 .cooldown = 3,
                 .threshold = 0.05,
                 .threshold_mode = ThresholdMode::absolute}),
        "losses"}},
      {"plateau_max_floor",
       {plateau({.mode = MonitorMode::max,
                 .factor = 0.2,
                 .patience = 1,
                 .threshold = 1e-3,
                 .min_factor = 1e-3}),
        "accuracies"}},
  };
  return all;
}

TEST(ScheduleGolden, EveryCaseOfTheFileIsTested) {
  for (const auto& [name, trace] : golden_schedules()["cases"].items())
    EXPECT_TRUE(cases().contains(name)) << name;
}

class ScheduleGolden : public testing::TestWithParam<std::string> {};

// PyTorch multiplies from step to step, so the rounding of its traces grows with the steps and
// dominates where the learning rate is near 0. weft evaluates the closed form. The tolerance is
// therefore 1e-12 of the learning rate plus 1e-12 of the base learning rate.
TEST_P(ScheduleGolden, FollowsPyTorchForAThousandSteps) {
  const auto& file = golden_schedules();
  const Case& c = cases().at(GetParam());
  const i64 per_epoch = file["steps_per_epoch"], steps = file["steps"];
  const double base = file["base_lr"];
  const auto lr = expanded(file["cases"][GetParam()]["lr"]);
  ASSERT_EQ(static_cast<i64>(lr.size()), steps);
  const auto schedule = c.recipe.make(ScheduleSpan{per_epoch, steps});
  for (i64 k = 0; k < steps; ++k) {
    const double expected = lr[static_cast<std::size_t>(k)];
    ASSERT_NEAR(base * schedule->lr_factor(k), expected, 1e-12 * (expected + base)) << "step " << k;
    if (!c.metrics.empty() && (k + 1) % per_epoch == 0)
      schedule->observe(file[c.metrics][static_cast<std::size_t>((k + 1) / per_epoch - 1)], k + 1);
  }
}

TEST_P(ScheduleGolden, DrivesMomentumLikePyTorch) {
  const auto& trace = golden_schedules()["cases"][GetParam()];
  const auto schedule = cases().at(GetParam()).recipe.make(ScheduleSpan{20, 1000});
  if (!trace.contains("momentum")) {
    EXPECT_FALSE(schedule->momentum(0).has_value());
    return;
  }
  const auto momentum = expanded(trace["momentum"]);
  for (std::size_t k = 0; k < momentum.size(); ++k)
    ASSERT_NEAR(schedule->momentum(static_cast<i64>(k)).value(), momentum[k], 1e-12)
        << "step " << k;
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& [name, c] : cases()) all.push_back(name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, ScheduleGolden, testing::ValuesIn(names()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace weft::optim
