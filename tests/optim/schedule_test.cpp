// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/schedules.h"

#include <cmath>

#include <gtest/gtest.h>

#include "weft/core/error.h"

namespace weft::optim {
namespace {

constexpr ScheduleSpan kSpan{.steps_per_epoch = 10, .total_steps = 100};

TEST(Schedule, AllKindsAreRegistered) {
  EXPECT_EQ(Registry<Schedule>::instance().names(),
            (std::vector<std::string>{"constant", "cosine", "exponential", "linear", "multi_step",
                                      "one_cycle", "plateau", "polynomial", "step"}));
}

TEST(Schedule, EveryKindStaysFiniteBeyondTheEndAndInTheShortestRun) {
  for (const auto& name : Registry<Schedule>::instance().names())
    for (const ScheduleSpan span : {kSpan, ScheduleSpan{1, 1}, ScheduleSpan{10, 3}}) {
      const auto schedule = ScheduleRecipe::of(name).make(span);
      for (i64 k = 0; k < 300; ++k) {
        const double factor = schedule->lr_factor(k);
        EXPECT_TRUE(factor >= 0 && factor <= 1) << name << " step " << k << ": " << factor;
      }
    }
}

TEST(Schedule, WarmUpRisesInALineToTheFullLearningRate) {
  const auto schedule = constant({.warmup = "1ep", .warmup_start = 0.5}).make(kSpan);
  EXPECT_DOUBLE_EQ(schedule->lr_factor(0), 0.5);
  EXPECT_DOUBLE_EQ(schedule->lr_factor(5), 0.75);
  EXPECT_DOUBLE_EQ(schedule->lr_factor(10), 1);
  EXPECT_DOUBLE_EQ(schedule->lr_factor(99), 1);
}

TEST(Schedule, WarmUpLongerThanTrainingIsAllowed) {
  const auto schedule = cosine({.warmup = "1ep", .warmup_start = 0}).make(ScheduleSpan{10, 5});
  EXPECT_DOUBLE_EQ(schedule->lr_factor(4), 0.4);
}

TEST(Schedule, AMilestoneIsAtItsWrittenTimeAlsoAfterAWarmUp) {
  const auto schedule = multi_step({.milestones = {"3ep"}, .warmup = "1ep"}).make(kSpan);
  EXPECT_DOUBLE_EQ(schedule->lr_factor(29), 1);
  EXPECT_DOUBLE_EQ(schedule->lr_factor(30), 0.1);
}

TEST(Schedule, ByEpochTheCurveIsAStairAndTheWarmUpIsNot) {
  const auto schedule =
      linear({.warmup = "5ba", .warmup_start = 0, .interval = Interval::epoch}).make(kSpan);
  EXPECT_DOUBLE_EQ(schedule->lr_factor(2), 0.4);
  EXPECT_DOUBLE_EQ(schedule->lr_factor(10), schedule->lr_factor(19));
  EXPECT_LT(schedule->lr_factor(20), schedule->lr_factor(19));
}

// With interval epoch, the learning rate of an epoch is that of its first step with interval step.
TEST(Schedule, EveryKindTakesItsIntervalByName) {
  const auto by = [](Interval interval) {
    return std::vector<ScheduleRecipe>{
        constant({.interval = interval}),
        cosine({.final_factor = 0.1, .interval = interval}),
        exponential({.gamma = 0.7, .interval = interval}),
        linear({.final_factor = 0.1, .interval = interval}),
        multi_step({.milestones = {"13ba", "4ep"}, .interval = interval}),
        one_cycle({.interval = interval}),
        plateau({.factor = 0.5, .patience = 0, .interval = interval}),
        polynomial({.power = 2, .interval = interval}),
        step({.every = "7ba", .gamma = 0.8, .interval = interval})};
  };
  std::vector<std::string> names;
  const auto steps = by(Interval::step), epochs = by(Interval::epoch);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::string& name = names.emplace_back(steps[i].name());
    const auto by_step = steps[i].make(kSpan), by_epoch = epochs[i].make(kSpan);
    const auto observe = [&](double metric, i64 at) {
      by_step->observe(metric, at);
      by_epoch->observe(metric, at);
    };
    bool differ = false;
    for (i64 k = 0; k < 130; ++k) {
      if (k % 16 == 0) observe(static_cast<double>(k), k);  // the metric never improves
      const i64 begin = k / 10 * 10;
      if (k == begin) {
        EXPECT_EQ(by_epoch->lr_factor(k), by_step->lr_factor(k)) << name << " step " << k;
        EXPECT_EQ(by_epoch->momentum(k), by_step->momentum(k)) << name << " step " << k;
      } else {
        EXPECT_EQ(by_epoch->lr_factor(k), by_epoch->lr_factor(begin)) << name << " step " << k;
        EXPECT_EQ(by_epoch->momentum(k), by_epoch->momentum(begin)) << name << " step " << k;
        differ = differ || by_epoch->lr_factor(k) != by_step->lr_factor(k);
      }
    }
    EXPECT_EQ(differ, name != "constant") << name;
  }
  EXPECT_EQ(names, Registry<Schedule>::instance().names());
}

TEST(Schedule, PlateauGoesOnFromItsState) {
  const auto recipe = plateau({.patience = 1, .cooldown = 1});
  const ScheduleSpan span{.steps_per_epoch = 1, .total_steps = 100};
  const std::vector<double> metrics = {1.0, 0.5, 0.6, 0.6, 0.6, 0.6, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5};
  for (std::size_t broken_off = 0; broken_off <= metrics.size(); ++broken_off) {
    const auto whole = recipe.make(span), first = recipe.make(span), second = recipe.make(span);
    for (const double metric : metrics) whole->observe(metric, 0);
    for (std::size_t i = 0; i < broken_off; ++i) first->observe(metrics[i], 0);
    load_state(*second, save_state(*first), "scheduler");
    for (std::size_t i = broken_off; i < metrics.size(); ++i) second->observe(metrics[i], 0);
    EXPECT_EQ(save_state(*second).json, save_state(*whole).json) << broken_off;
    EXPECT_LT(whole->lr_factor(0), 1);
  }
}

TEST(Schedule, PlateauTakesNoNanForAnImprovement) {
  const auto schedule = plateau({.factor = 0.5, .patience = 0}).make(kSpan);
  EXPECT_EQ(schedule->monitor(), "validation/loss");
  schedule->observe(1.0, 0);
  schedule->observe(std::nan(""), 0);
  EXPECT_DOUBLE_EQ(schedule->lr_factor(0), 0.5);
}

TEST(Schedule, OptionsOutOfRangeAreRefusedByName) {
  try {
    cosine({.warmup_start = 2, .interval = static_cast<Interval>(2)});
    FAIL();
  } catch (const UserError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("cosine: warmup_start: expected a number from 0 to 1, got 2"),
              std::string::npos)
        << message;
    EXPECT_NE(message.find("interval: expected one of step, epoch, got ?"), std::string::npos)
        << message;
  }
  EXPECT_THROW(step({.every = "0ba"}), UserError);
  EXPECT_THROW(one_cycle({.pct_start = 0.6, .three_phase = true}), UserError);
  EXPECT_THROW(cosine().make(ScheduleSpan{0, 10}), UserError);
}

}  // namespace
}  // namespace weft::optim
