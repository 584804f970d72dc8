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

TEST(Schedule, WarmUpRisesInALineToTheFullRate) {
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
      linear({.warmup = "5ba", .warmup_start = 0, .interval = "epoch"}).make(kSpan);
  EXPECT_DOUBLE_EQ(schedule->lr_factor(2), 0.4);
  EXPECT_DOUBLE_EQ(schedule->lr_factor(10), schedule->lr_factor(19));
  EXPECT_LT(schedule->lr_factor(20), schedule->lr_factor(19));
}

TEST(Schedule, PlateauGoesOnFromItsState) {
  const auto recipe = plateau({.patience = 1, .cooldown = 1});
  const ScheduleSpan span{.steps_per_epoch = 1, .total_steps = 100};
  const std::vector<double> metrics = {1.0, 0.5, 0.6, 0.6, 0.6, 0.6, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5};
  for (std::size_t broken_off = 0; broken_off <= metrics.size(); ++broken_off) {
    const auto whole = recipe.make(span), first = recipe.make(span), second = recipe.make(span);
    for (const double metric : metrics) whole->observe(metric);
    for (std::size_t i = 0; i < broken_off; ++i) first->observe(metrics[i]);
    load_state(*second, save_state(*first), "scheduler");
    for (std::size_t i = broken_off; i < metrics.size(); ++i) second->observe(metrics[i]);
    EXPECT_EQ(save_state(*second).json, save_state(*whole).json) << broken_off;
    EXPECT_LT(whole->lr_factor(0), 1);
  }
}

TEST(Schedule, PlateauTakesNoNanForAnImprovement) {
  const auto schedule = plateau({.factor = 0.5, .patience = 0}).make(kSpan);
  EXPECT_EQ(schedule->monitor(), "validation/loss");
  schedule->observe(1.0);
  schedule->observe(std::nan(""));
  EXPECT_DOUBLE_EQ(schedule->lr_factor(0), 0.5);
}

TEST(Schedule, OptionsOutOfRangeAreRefusedByName) {
  try {
    cosine({.warmup_start = 2, .interval = "minute"});
    FAIL();
  } catch (const UserError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("cosine: warmup_start: expected a number from 0 to 1, got 2"),
              std::string::npos)
        << message;
    EXPECT_NE(message.find("interval"), std::string::npos) << message;
  }
  EXPECT_THROW(step({.every = "0ba"}), UserError);
  EXPECT_THROW(one_cycle({.pct_start = 0.6, .three_phase = true}), UserError);
  EXPECT_THROW(cosine().make(ScheduleSpan{0, 10}), UserError);
}

}  // namespace
}  // namespace weft::optim
