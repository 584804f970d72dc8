// SPDX-License-Identifier: Apache-2.0
// The numbers that captured steps hand on to each other, and clipping by value.
#include "weft/kernels/optim/step_state.h"

#include <limits>

#include "weft/kernels/optim/clip_values.h"
#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

RateTable some_rates(i64 first) {
  RateTable table;
  table.first = first;
  for (i64 i = 0; i < RateTable::kSteps; ++i)
    table.at[i] = {static_cast<double>(first + i), 0.5 * static_cast<double>(first + i)};
  return table;
}

TEST(CudaStepState, SeedsWeighABatchAgainstTheFirstOfItsStep) {
  OnDevice<StepState> state({.loss_scale = {.scale = 1024}});
  Array<double> weights(2);
  weights[0] = 8;
  weights[1] = 6;
  OnDevice<float> seed(0);
  OnDevice<double> wide(0);
  seed_gradient(Cuda{}, seed.data(), state.data(), weights.data(), 1);
  seed_gradient(Cuda{}, wide.data(), state.data(), weights.data(), 0);
  EXPECT_EQ(*seed, 768.0f);
  EXPECT_EQ(*wide, 1024.0);
}

TEST(CudaStepState, AnUpdateBeginsWithTheRatesOfItsAppliedStep) {
  OnDevice<StepState> state({.applied = 12, .loss_scale = {.scale = 4}});
  OnDevice<RateTable> rates(some_rates(10));
  OnDevice<StepControl> control({.grad_norm = 7, .skip = true});
  OnDevice<double> sum(1.5);
  Array<double> weights(3);
  weights[0] = 2;
  weights[1] = 4;
  weights[2] = 2;
  const auto begin = [&] {
    begin_update(Cuda{}, control.data(), state.data(), rates.data(), weights.data(), 3, sum.data());
  };
  begin();
  EXPECT_EQ(control->lr, 12);
  EXPECT_EQ(control->momentum, 6);
  EXPECT_EQ(control->grad_scale, 2.0 / 8 / 4);
  EXPECT_EQ(control->grad_norm, 0);
  EXPECT_FALSE(control->skip);
  EXPECT_FALSE(state->halted);
  state->applied =
      10 + RateTable::kSteps + 5;  // beyond the table: its last entry, not memory behind it
  begin();
  EXPECT_EQ(control->lr, 10 + RateTable::kSteps - 1);
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    *sum = bad;
    state->halted = false;
    begin();
    EXPECT_TRUE(state->halted);
    EXPECT_TRUE(control->skip);
  }
  *sum = 1;
  begin();
  EXPECT_TRUE(control->skip) << "halted until the host has looked";
}

TEST(CudaStepState, AnUpdateEndsWithACountAndTheNextLossScale) {
  const LossScaleRule rule{.growth = 2, .backoff = 0.5, .interval = 2, .floor = 1, .ceiling = 16};
  OnDevice<StepState> state({.applied = 3, .loss_scale = {.scale = 4}});
  OnDevice<StepControl> control({.lr = 0.1, .momentum = 0.9, .grad_norm = 5});
  OnDevice<double> sum(2);
  OnDevice<StepReport> report({});
  LossScale expected{.scale = 4};
  const auto end = [&](bool skip, bool scales) {
    control->skip = skip;
    end_update(Cuda{}, report.data(), state.data(), control.data(), sum.data(), scales, rule);
  };
  i64 applied = 3;
  for (const bool skip : {false, false, true, true, true, false}) {
    end(skip, true);
    applied += skip ? 0 : 1;
    update_loss_scale(expected, rule, skip);
    EXPECT_EQ(state->applied, applied);
    EXPECT_EQ(state->loss_scale.scale, expected.scale);
    EXPECT_EQ(state->loss_scale.calm, expected.calm);
    EXPECT_EQ(state->loss_scale.skipped, expected.skipped);
    EXPECT_EQ(report->applied, !skip);
    EXPECT_FALSE(report->halted);
  }
  EXPECT_EQ(report->rates.lr, 0.1);
  EXPECT_EQ(report->rates.momentum, 0.9);
  EXPECT_EQ(report->grad_norm, 5);
  EXPECT_EQ(report->loss_sum, 2);

  ASSERT_EQ(state->loss_scale.scale, rule.floor);
  end(true, true);  // no smaller scale is left to try
  EXPECT_TRUE(state->halted);
  EXPECT_TRUE(report->halted);
  const LossScale before = state->loss_scale;
  end(false, true);
  EXPECT_EQ(state->applied, applied) << "a halted device counts nothing";
  EXPECT_EQ(state->loss_scale.calm, before.calm);

  *state = {.applied = 5};
  end(true, false);
  end(false, false);
  EXPECT_EQ(state->applied, 6);
  EXPECT_EQ(state->loss_scale.scale, 1);
}

TEST(CudaClipValues, LimitsWhatTheScaleMakesOfThem) {
  const auto check = []<class T>(T) {
    Numbers numbers;
    const Array<T> given(1025, numbers);
    for (const double scale : {1.0, 0.25}) {
      StepControl wanted_control{.grad_scale = scale};
      Array<T> wanted(given);
      clip_values(Cpu{}, wanted.data(), 1025, 0.1, &wanted_control);
      for (i64 i = 0; i < 1025; ++i)
        EXPECT_LE(std::abs(static_cast<double>(wanted[i]) * scale), 0.1 * (1 + 1e-6));
      in_every_order([&] {
        OnDevice<StepControl> control(wanted_control);
        Array<T> got(given);
        clip_values(Cuda{}, got.data(), 1025, 0.1, control.data());
        expect_same_bytes(got, wanted);
        control->skip = true;
        Array<T> untouched(given);
        clip_values(Cuda{}, untouched.data(), 1025, 0.1, control.data());
        expect_same_bytes(untouched, given);
      });
    }
  };
  check(float{});
  check(double{});
}

}  // namespace
}  // namespace weft::kernels::test
