// SPDX-License-Identifier: Apache-2.0
// Tests of the scalars that training steps pass on, and of clipping by value, on both devices.
#include "weft/kernels/optim/step_state.h"

#include <limits>

#include "weft/kernels/optim/clip_values.h"
#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN(),
                 kInfinity = std::numeric_limits<double>::infinity();

template <class Body>
void on_both(const Body& body) {
  {
    SCOPED_TRACE("cpu");
    body(Cpu{});
  }
  SCOPED_TRACE("cuda");
  body(Cuda{});
}

RateTable some_rates(i64 first) {
  RateTable table;
  table.first = first;
  for (i64 i = 0; i < RateTable::kSteps; ++i)
    table.at[i] = {static_cast<double>(first + i), 0.5 * static_cast<double>(first + i)};
  return table;
}

class Weights {
 public:
  explicit Weights(const std::vector<double>& weights) : array_(static_cast<i64>(weights.size())) {
    for (i64 i = 0; i < array_.size(); ++i) array_[i] = weights[static_cast<std::size_t>(i)];
  }
  LossWeights view() const { return {array_.data(), array_.size()}; }

 private:
  Array<double> array_;
};

// The running sums of weighted losses and of weights.
class Sums {
 public:
  explicit Sums(double loss) : array_(2) {
    array_[0] = loss;
    array_[1] = 0;
  }
  double* data() { return array_.data(); }
  double operator*() { return array_[0]; }
  double weight() { return array_[1]; }

 private:
  Array<double> array_;
};

TEST(CudaStepState, ALossIsAddedByItsWeight) {
  on_both([](auto device) {
    const Weights weights({2, 0, 3});
    OnDevice<StepState> state({});
    Sums sum(1.5);
    OnDevice<double> wide(2);
    OnDevice<float> loss(0.5f), uncounted(100.0f);
    add_loss(device, sum.data(), state.data(), loss.data(), weights.view(), 0);
    EXPECT_EQ(*sum, 2.5);
    add_loss(device, sum.data(), state.data(), uncounted.data(), weights.view(), 1);
    EXPECT_EQ(*sum, 2.5) << "a loss of weight 0 adds nothing";
    add_loss(device, sum.data(), state.data(), wide.data(), weights.view(), 2);
    EXPECT_EQ(*sum, 8.5);
    EXPECT_EQ(sum.weight(), 5);
    EXPECT_EQ(state->step_loss, 7);
    EXPECT_EQ(state->step_weight, 5);
    EXPECT_FALSE(state->halted);
    EXPECT_EQ(state->bad_batch, -1);
    OnDevice<StepReport> report({});
    OnDevice<StepControl> control({});
    end_update(device, report.data(), state.data(), control.data(), sum.data(), {});
    EXPECT_EQ(report->loss_sum, 8.5);
    EXPECT_EQ(report->weight_sum, 5);
    EXPECT_EQ(report->step_loss, 7);
    EXPECT_EQ(report->step_weight, 5);
    add_loss(device, sum.data(), state.data(), loss.data(), weights.view(), 0);
    EXPECT_EQ(state->step_loss, 1) << "the next step begins";
    EXPECT_EQ(state->step_weight, 2);
    EXPECT_EQ(*sum, 9.5);
  });
}

TEST(CudaStepState, TheFirstLossThatIsNotFiniteHaltsAndIsReported) {
  on_both([](auto device) {
    const Weights weights({2, 1, 3});
    Sums sum(0);
    for (const double bad : {kNan, kInfinity, -kInfinity}) {
      OnDevice<StepState> state({});
      OnDevice<RateTable> rates(some_rates(0));
      OnDevice<StepControl> control({.applied = 4});
      OnDevice<StepReport> report({});
      OnDevice<float> good(0.5f), first(static_cast<float>(bad)),
          second(static_cast<float>(bad == kInfinity ? kNan : kInfinity));
      const auto is_bad = [&](double loss) {
        return std::isnan(bad) ? std::isnan(loss) : loss == bad;
      };
      add_loss(device, sum.data(), state.data(), good.data(), weights.view(), 0);
      EXPECT_FALSE(state->halted);
      add_loss(device, sum.data(), state.data(), first.data(), weights.view(), 1);
      add_loss(device, sum.data(), state.data(), second.data(), weights.view(), 2);
      EXPECT_TRUE(state->halted);
      EXPECT_EQ(state->bad_batch, 1);
      EXPECT_TRUE(is_bad(state->bad_loss)) << state->bad_loss;
      begin_update(device, control.data(), state.data(), rates.data(), weights.view());
      EXPECT_TRUE(control->skip);
      end_update(device, report.data(), state.data(), control.data(), sum.data(),
                 {.scales = true, .rule = {}});
      EXPECT_EQ(report->bad_batch, 1);
      EXPECT_TRUE(is_bad(report->bad_loss)) << report->bad_loss;
      EXPECT_TRUE(report->halted);
      EXPECT_FALSE(report->applied);
      EXPECT_EQ(control->applied, 4);
      EXPECT_EQ(state->loss_scale.scale, 1) << "no gradient overflowed";
    }
  });
}

TEST(CudaStepState, SeedsWeighABatchAgainstTheFirstOfItsStep) {
  on_both([](auto device) {
    OnDevice<StepState> state({.loss_scale = {.scale = 1024}});
    OnDevice<float> seed(0);
    OnDevice<double> wide(0);
    for (const std::vector<double>& all : {std::vector<double>{8, 6}, {0, 8, 6}}) {
      const Weights weights(all);
      const auto last = static_cast<i64>(all.size()) - 1;
      seed_gradient(device, seed.data(), state.data(), weights.view(), last);
      seed_gradient(device, wide.data(), state.data(), weights.view(), last - 1);
      EXPECT_EQ(*seed, 768.0f);
      EXPECT_EQ(*wide, 1024.0);
    }
  });
}

TEST(CudaStepState, AnUpdateBeginsWithTheLearningRateOfItsAppliedStep) {
  on_both([](auto device) {
    OnDevice<StepState> state({.loss_scale = {.scale = 4}});
    OnDevice<RateTable> rates(some_rates(10));
    OnDevice<StepControl> control({.grad_norm = 7, .skip = true, .applied = 12});
    const auto begin = [&](const std::vector<double>& weights) {
      const Weights given(weights);
      begin_update(device, control.data(), state.data(), rates.data(), given.view());
      wait_for_device();
    };
    begin({2, 4, 2});
    EXPECT_EQ(control->lr, 12);
    EXPECT_EQ(control->momentum, 6);
    EXPECT_EQ(control->grad_scale, 2.0 / 8 / 4);
    EXPECT_EQ(control->grad_norm, 0);
    EXPECT_FALSE(control->skip);
    EXPECT_EQ(control->applied, 12);
    EXPECT_FALSE(state->halted);
    begin({0, 4, 2});
    EXPECT_EQ(control->grad_scale, 4.0 / 6 / 4) << "the first weight above 0 counts";
    // A step outside of the table uses its first or last entry, and reads no memory around it.
    control->applied = 10 + RateTable::kSteps + 5;
    begin({1});
    EXPECT_EQ(control->lr, 10 + RateTable::kSteps - 1);
    control->applied = 3;
    begin({1});
    EXPECT_EQ(control->lr, 10);
    state->halted = true;
    begin({1});
    EXPECT_TRUE(control->skip) << "the device stays halted until the host reads the report";
  });
}

TEST(CudaStepState, AnUpdateEndsWithACountAndTheNextLossScale) {
  on_both([](auto device) {
    const LossScaleRule rule{.growth = 2, .backoff = 0.5, .interval = 2, .floor = 1, .ceiling = 16};
    OnDevice<StepState> state({.loss_scale = {.scale = 4}});
    OnDevice<StepControl> control({.lr = 0.1, .momentum = 0.9, .grad_norm = 5, .applied = 3});
    Sums sum(2);
    OnDevice<StepReport> report({});
    LossScale expected{.scale = 4};
    const auto end = [&](bool skip, bool scales) {
      control->skip = skip;
      end_update(device, report.data(), state.data(), control.data(), sum.data(),
                 {.scales = scales, .rule = rule});
    };
    i64 applied = 3;
    for (const bool skip : {false, false, true, true, true, false}) {
      end(skip, true);
      applied += skip ? 0 : 1;
      update_loss_scale(expected, rule, skip);
      EXPECT_EQ(control->applied, applied);
      EXPECT_EQ(state->loss_scale.scale, expected.scale);
      EXPECT_EQ(state->loss_scale.calm, expected.calm);
      EXPECT_EQ(state->loss_scale.skipped, expected.skipped);
      EXPECT_FALSE(state->overflow) << "the next step begins without";
      EXPECT_EQ(report->applied, !skip);
      EXPECT_EQ(report->loss_scale.scale, expected.scale);
      EXPECT_FALSE(report->halted);
    }
    EXPECT_EQ(report->rates.lr, 0.1);
    EXPECT_EQ(report->rates.momentum, 0.9);
    EXPECT_EQ(report->grad_norm, 5);
    EXPECT_EQ(report->loss_sum, 2);
    EXPECT_EQ(report->bad_batch, -1);

    ASSERT_EQ(state->loss_scale.scale, rule.floor);
    end(true, true);  // the scale cannot fall further
    EXPECT_TRUE(state->halted);
    EXPECT_TRUE(report->halted);
    EXPECT_FALSE(report->applied);
    EXPECT_EQ(report->bad_batch, -1) << "no loss was bad";
    const LossScale before = state->loss_scale;
    end(false, true);
    EXPECT_EQ(control->applied, applied) << "a halted device counts nothing";
    EXPECT_FALSE(report->applied);
    EXPECT_EQ(state->loss_scale.calm, before.calm);

    *state = {};
    control->applied = 5;
    end(true, false);
    EXPECT_FALSE(state->halted) << "without a loss scale an overflow only skips the step";
    end(false, false);
    EXPECT_EQ(control->applied, 6);
    EXPECT_EQ(state->loss_scale.scale, 1);
  });
}

// Note [Several optimizers]
TEST(CudaStepState, TheLossScaleOfSeveralOptimizersMovesAfterTheLast) {
  on_both([](auto device) {
    const LossScaleRule rule{.interval = 100, .floor = 2};
    OnDevice<StepState> state({.loss_scale = {.scale = 8}});
    OnDevice<StepControl> first({.applied = 1}), second({.applied = 7});
    OnDevice<StepReport> first_report({}), second_report({});
    Sums sum(1);
    const auto end_first = [&](bool skip) {
      first->skip = skip;
      end_update(device, first_report.data(), state.data(), first.data(), sum.data(),
                 {.is_last = false, .scales = true, .rule = rule});
    };
    const auto end_second = [&](bool skip) {
      second->skip = skip;
      end_update(device, second_report.data(), state.data(), second.data(), sum.data(),
                 {.scales = true, .rule = rule});
    };
    // If only the first optimizer skips, the scale falls once, after both have finished.
    end_first(true);
    EXPECT_EQ(state->loss_scale.scale, 8);
    EXPECT_FALSE(first_report->applied);
    end_second(false);
    EXPECT_EQ(state->loss_scale.scale, 4);
    EXPECT_EQ(state->loss_scale.skipped, 1);
    EXPECT_TRUE(second_report->applied);
    EXPECT_EQ(second_report->loss_scale.scale, 4);
    EXPECT_EQ(first->applied, 1);
    EXPECT_EQ(second->applied, 8);
    // If both skip, the scale also falls once. If none skips, the step counts as calm.
    end_first(true);
    end_second(true);
    EXPECT_EQ(state->loss_scale.scale, 2);
    EXPECT_EQ(state->loss_scale.skipped, 2);
    end_first(false);
    end_second(false);
    EXPECT_EQ(state->loss_scale.calm, 1);
    EXPECT_EQ(first->applied, 2);
    EXPECT_EQ(second->applied, 9);
    // At the floor, the device halts after the step is complete.
    end_first(true);
    EXPECT_FALSE(state->halted);
    end_second(false);
    EXPECT_TRUE(second_report->applied);
    EXPECT_TRUE(second_report->halted);
  });
}

TEST(CudaStepState, AStepInWhichNothingCountsMovesNothing) {
  on_both([](auto device) {
    OnDevice<StepState> state({.loss_scale = {.scale = 8, .calm = 1}});
    OnDevice<StepControl> control({.grad_norm = 5, .skip = true, .applied = 3});
    OnDevice<StepReport> report({});
    report->applied = true;
    Sums sum(6);
    const auto end = [&] {
      end_update(device, report.data(), state.data(), control.data(), sum.data(),
                 {.counts = false, .scales = true, .rule = {.interval = 2}});
    };
    end();
    EXPECT_FALSE(report->applied);
    EXPECT_FALSE(report->halted);
    EXPECT_EQ(report->grad_norm, 0) << "the norm of an earlier step is not reported again";
    EXPECT_EQ(report->loss_sum, 6);
    EXPECT_EQ(control->applied, 3);
    EXPECT_FALSE(state->overflow);
    EXPECT_EQ(state->loss_scale.scale, 8);
    EXPECT_EQ(state->loss_scale.calm, 1);
    EXPECT_EQ(state->loss_scale.skipped, 0);
    state->halted = true;
    end();
    EXPECT_TRUE(report->halted);
  });
}

TEST(CudaClipValues, LimitsWhatTheScaleMakesOfThem) {
  const auto check = []<class T>(T) {
    Numbers numbers;
    const Array<T> given(1025, numbers);
    for (const double scale : {1.0, 0.25}) {
      StepControl wanted_control{.grad_scale = scale};
      Array<T> wanted(given);
      clip_values(Cpu{}, view(wanted), 0.1, &wanted_control);
      for (i64 i = 0; i < 1025; ++i)
        EXPECT_LE(std::abs(static_cast<double>(wanted[i]) * scale), 0.1 * (1 + 1e-6));
      in_every_order([&] {
        OnDevice<StepControl> control(wanted_control);
        Array<T> got(given);
        clip_values(Cuda{}, view(got), 0.1, control.data());
        expect_same_bytes(got, wanted);
        control->skip = true;
        Array<T> untouched(given);
        clip_values(Cuda{}, view(untouched), 0.1, control.data());
        expect_same_bytes(untouched, given);
      });
    }
  };
  check(float{});
  check(double{});
}

}  // namespace
}  // namespace weft::kernels::test
