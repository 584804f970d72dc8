// SPDX-License-Identifier: Apache-2.0
// Tests of the scalars that ranks add up, and of clipping by the sum of their squares, on both
// devices.
#include "weft/kernels/optim/rank_tally.h"

#include <cmath>
#include <limits>

#include "weft/kernels/optim/global_norm.h"
#include "weft/tests/cuda/optimizer_problem.h"

namespace weft::kernels::test {
namespace {

template <class Body>
void on_each(const Body& body) {
  {
    SCOPED_TRACE("cpu");
    body(Cpu{});
  }
  SCOPED_TRACE("cuda");
  body(Cuda{});
}

Array<double> array_of(const std::vector<double>& values) {
  Array<double> array(std::ssize(values));
  for (i64 i = 0; i < array.size(); ++i) array[i] = values[static_cast<std::size_t>(i)];
  return array;
}

// What rank `rank` of two fills in.
template <class Device>
std::vector<double> filled(Device device, i64 rank, const StepState& its, double loss,
                           double weight, const std::vector<double>& asked,
                           const std::vector<double>& flags) {
  OnDevice<StepState> state(its);
  Array<double> of_step = array_of({loss, weight}), asks = array_of(asked),
                gradients = array_of(flags);
  RankTally tally{.rank = rank, .ranks = 2, .parameters = std::ssize(flags)};
  Array<double> data(tally.size());
  tally.data = data.data();
  fill_tally(device, tally,
             {.state = state.data(),
              .loss = of_step.data(),
              .asked = asks.data(),
              .flags = gradients.data()});
  std::vector<double> values;
  for (i64 i = 0; i < data.size(); ++i) values.push_back(data[i]);
  return values;
}

TEST(CudaRankTally, ARankFillsInItsOwn) {
  on_each([](auto device) {
    EXPECT_EQ(filled(device, 1, {}, 2.5, 4, {1, 0}, {1, 0, 1}),
              (std::vector<double>{2.5, 4, 1, 0, 0, 0, 0, 0, 1, 0, 1}));
    for (const auto& [bad, kind] :
         std::vector<std::pair<double, double>>{{NAN, 1.0}, {INFINITY, 2.0}, {-INFINITY, 3.0}}) {
      StepState state;
      state.halted = true;
      state.bad_batch = 2;
      state.bad_loss = bad;
      EXPECT_EQ(filled(device, 0, state, 0, 1, {0, 1}, {0}),
                (std::vector<double>{0, 1, 0, 1, 3, kind, 0, 0, 0}));
    }
  });
}

TEST(CudaRankTally, TheSumTellsEachRankTheSame) {
  on_each([](auto device) {
    Array<double> all = array_of({2.5, 4, 0, 2, 0, 0, 0, 0, 1});
    Array<double> sum = array_of({1, 3});
    OnDevice<StepState> state({});
    const RankTally tally{.data = all.data(), .rank = 1, .ranks = 2, .parameters = 1};
    apply_tally(device, tally, state.data(), sum.data());
    EXPECT_EQ(sum[0], 3.5);
    EXPECT_EQ(sum[1], 7);
    EXPECT_EQ(state->step_loss, 2.5);
    EXPECT_EQ(state->step_weight, 4);
    EXPECT_FALSE(state->halted);
    EXPECT_FALSE(state->unweighted);
    EXPECT_FALSE(state->stop);
    EXPECT_TRUE(state->save);

    all[1] = 0;
    apply_tally(device, tally, state.data(), sum.data());
    EXPECT_TRUE(state->unweighted);

    all[6] = 2;  // rank 1, its second micro-batch
    all[7] = 3;
    apply_tally(device, tally, state.data(), sum.data());
    EXPECT_TRUE(state->halted);
    EXPECT_EQ(state->bad_rank, 1);
    EXPECT_EQ(state->bad_batch, 1);
    EXPECT_EQ(state->bad_loss, -std::numeric_limits<double>::infinity());
  });
}

TEST(CudaRankTally, AStepWithoutWeightIsNoStep) {
  on_each([](auto device) {
    StepState unweighted;
    unweighted.unweighted = true;
    OnDevice<StepState> state(unweighted);
    RateTable table;
    table.at[0] = {0.5, 0.25};
    OnDevice<RateTable> rates(table);
    OnDevice<StepControl> control({});
    OnDevice<StepReport> report({});
    Array<double> own = array_of({0}), total = array_of({0}), sum = array_of({0, 0});
    begin_update(device, control.data(), state.data(), rates.data(),
                 {.data = own.data(), .count = 1, .common = 2, .total = total.data()});
    EXPECT_TRUE(control->skip);
    end_update(device, report.data(), state.data(), control.data(), sum.data(),
               {.scales = true, .rule = {}});
    EXPECT_FALSE(report->applied);
    EXPECT_FALSE(state->overflow);
    EXPECT_EQ(state->loss_scale.scale, 1);
    EXPECT_EQ(control->applied, 0);
  });
}

TEST(CudaRankTally, OnlyParametersWithAFlagAreActive) {
  on_each([](auto device) {
    for_master_types([&]<class T>() {
      Problem<T> problem(true);
      problem.segments[4].grad = nullptr;
      Array<double> flags = array_of({1, 0, 2, 1, 1});
      mark_active(device, problem.table(), flags.data());
      for (const auto& [segment, active] :
           {std::pair{0, true}, {1, false}, {2, true}, {3, true}, {4, false}})
        EXPECT_EQ(problem.segments[segment].active, active) << segment;
    });
  });
}

// The partial sums of two ranks, each with its own chunks, clip as those of one.
TEST(CudaRankTally, SquaresThatAreAddedUpClipAsTheNorm) {
  on_each([](auto device) {
    Problem<float> problem(true);
    Array<double> partials(problem.chunks.size());
    OnDevice<StepControl> wanted({.grad_scale = 0.5}), control({.grad_scale = 0.5});
    global_norm(device, problem.table(), 1.0, partials.data(), wanted.data());
    double squares = 0;
    for (i64 c = 0; c < partials.size(); ++c) squares += partials[c];
    Array<double> sum = array_of({squares});
    clip_by_squares(device, sum.data(), 1, 1.0, control.data());
    EXPECT_NEAR(control->grad_norm, wanted->grad_norm, 1e-12 * wanted->grad_norm);
    EXPECT_NEAR(control->grad_scale, wanted->grad_scale, 1e-12);
    EXPECT_LT(control->grad_scale, 0.5);
    sum[0] = NAN;
    clip_by_squares(device, sum.data(), 1, 1.0, control.data());
    EXPECT_TRUE(control->skip);
  });
}

}  // namespace
}  // namespace weft::kernels::test
