// SPDX-License-Identifier: Apache-2.0
// Events that recur every N epochs or steps.
#include "weft/train/run/trigger.h"

#include <gtest/gtest.h>

#include "weft/core/error.h"

namespace weft::train {
namespace {

constexpr i64 kStepsOfAnEpoch = 10;

TEST(Trigger, OfWholeEpochsIsDueAfterEpochs) {
  const Trigger trigger("validation.every", "2ep", kStepsOfAnEpoch);
  EXPECT_FALSE(trigger.by_steps());
  for (i64 epochs = 1; epochs <= 6; ++epochs)
    EXPECT_EQ(trigger.due_after_epoch(epochs), epochs % 2 == 0) << epochs;
  for (i64 steps = 1; steps <= 40; ++steps) EXPECT_FALSE(trigger.due_after_step(steps)) << steps;
}

TEST(Trigger, OfStepsIsDueAfterSteps) {
  const Trigger trigger("validation.every", "3ba", kStepsOfAnEpoch);
  EXPECT_TRUE(trigger.by_steps());
  for (i64 steps = 1; steps <= 12; ++steps)
    EXPECT_EQ(trigger.due_after_step(steps), steps % 3 == 0) << steps;
  for (i64 epochs = 1; epochs <= 6; ++epochs) EXPECT_FALSE(trigger.due_after_epoch(epochs));
}

// If steps may be skipped, the next due step is not always the next step that is made.
TEST(Trigger, NamesTheNextStepThatIsDue) {
  const Trigger trigger("validation.every", "3ba", kStepsOfAnEpoch);
  EXPECT_EQ(trigger.next_step(0), 3);
  EXPECT_EQ(trigger.next_step(2), 3);
  EXPECT_EQ(trigger.next_step(3), 6);
  EXPECT_EQ(trigger.next_step(10), 12);
}

TEST(Trigger, OfPartsOfAnEpochGoesBySteps) {
  const auto steps_of = [](const char* every) {
    const Trigger trigger("checkpoint.every", every, kStepsOfAnEpoch);
    EXPECT_TRUE(trigger.by_steps()) << every;
    return trigger.next_step(0);
  };
  EXPECT_EQ(steps_of("0.5ep"), 5);
  EXPECT_EQ(steps_of("1.5ep"), 15);
  EXPECT_EQ(steps_of("0.25ep"), 3);  // 2.5 is rounded up
  EXPECT_EQ(steps_of("0.001ep"), 1);
}

TEST(Trigger, RefusesNever) {
  try {
    Trigger("validation.every", "0ep", kStepsOfAnEpoch);
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "validation.every: 0 given; a duration above 0 is required");
  }
}

}  // namespace
}  // namespace weft::train
