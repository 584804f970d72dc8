// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

#include "exercise.h"

double linear_factor(int step, int warmup, int total);
std::unique_ptr<weft::optim::Schedule> inverse_square_root(weft::i64 warmup);
weft::optim::ScheduleRecipe drops();

namespace {

void test_1() {
  const auto expect_factor = [](int step, int warmup, int total, double required) {
    learn::expect(fmt::format("linear_factor({}, {}, {})", step, warmup, total),
                  linear_factor(step, warmup, total), required);
  };
  expect_factor(0, 4, 20, 0);
  expect_factor(1, 4, 20, 0.25);
  expect_factor(4, 4, 20, 1);
  expect_factor(8, 4, 20, 0.75);
  expect_factor(20, 4, 20, 0);
  expect_factor(25, 4, 20, 0);
  expect_factor(2, 1, 3, 0.5);
}

void test_2() {
  const auto schedule = inverse_square_root(100);
  for (const auto& [step, required] : {std::pair(0, 0.0), std::pair(50, 0.5), std::pair(100, 1.0),
                                       std::pair(400, 0.5), std::pair(10000, 0.1)})
    learn::expect(fmt::format("the factor of step {} for a warm-up of 100 steps", step),
                  schedule->lr_factor(step), required);
}

void test_3() {
  const auto schedule =
      drops().make(weft::optim::ScheduleSpan{.steps_per_epoch = 10, .total_steps = 100});
  learn::expect(schedule->lr_factor(0) < 0.1,
                "the factor of step 0 is too large; a warm-up is required");
  learn::expect(schedule->lr_factor(9) < 1,
                "the factor of step 9 is not below 1; the warm-up must last an epoch of 10 steps");
  for (const auto& [step, required] : {std::pair(10, 1.0), std::pair(59, 1.0), std::pair(60, 0.1),
                                       std::pair(89, 0.1), std::pair(90, 0.01)})
    learn::expect(fmt::format("the factor of step {} in epochs of 10 steps", step),
                  schedule->lr_factor(step), required);
  const auto longer =
      drops().make(weft::optim::ScheduleSpan{.steps_per_epoch = 20, .total_steps = 200});
  learn::expect(longer->lr_factor(19) < 1, "the warm-up must last an epoch, also one of 20 steps");
  for (const auto& [step, required] :
       {std::pair(119, 1.0), std::pair(120, 0.1), std::pair(179, 0.1), std::pair(180, 0.01)})
    learn::expect(fmt::format("the factor of step {} in epochs of 20 steps", step),
                  longer->lr_factor(step), required);
}

}  // namespace

int main(int argc, char** argv) { return learn::run(argc, argv, {test_1, test_2, test_3}); }
