// SPDX-License-Identifier: Apache-2.0
// Tests of what SGD, Adam and the global norm have in common: tables, threads, vector width and
// skipped steps.
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "weft/tests/kernels/optimizer_problem.h"
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/optim/adam.h"
#include "weft/kernels/optim/global_norm.h"
#include "weft/kernels/optim/sgd.h"

namespace weft::kernels {
namespace {

using Problem = OptimizerProblem<float>;
using Step = std::function<void(Problem&, const StepControl&)>;

const std::vector<std::pair<std::string, Step>>& kinds() {
  static const std::vector<std::pair<std::string, Step>> all = {
      {"sgd", [](Problem& p, const StepControl& c) { sgd_step(Cpu{}, p.table(), &c, false); }},
      {"nesterov", [](Problem& p, const StepControl& c) { sgd_step(Cpu{}, p.table(), &c, true); }},
      {"adam", [](Problem& p,
                  const StepControl& c) { adam_step(Cpu{}, p.table(), &c, {.decoupled = false}); }},
      {"adamw", [](Problem& p, const StepControl& c) { adam_step(Cpu{}, p.table(), &c, {}); }},
  };
  return all;
}

const std::vector<i64> kLengths = {0, 1, 31, 33, 1025, 3 * kChunkElements + 7};
constexpr StepControl kControl{.lr = 0.1, .momentum = 0.9};

std::vector<float> values(const Problem& problem) {
  std::vector<float> all;
  for (const auto& p : problem.parameters)
    for (const auto* part : {&p.value, &p.first, &p.second})
      all.insert(all.end(), part->begin(), part->end());
  return all;
}

std::vector<float> after_three_steps(const Step& step) {
  Problem problem(kLengths);
  for (auto& segment : problem.segments) segment.weight_decay = 0.01;
  for (int k = 0; k < 3; ++k) step(problem, kControl);
  return values(problem);
}

struct OptimizerKernels : ::testing::Test {
  ~OptimizerKernels() override {
    set_threads(threads_before);
    set_vector_set(set_before);
  }
  const int threads_before = threads();
  const VectorSet set_before = vector_set();
};

TEST_F(OptimizerKernels, GiveTheSameBytesForAnyNumberOfThreads) {
  for (const auto& [name, step] : kinds()) {
    set_threads(1);
    const auto one = after_three_steps(step);
    for (const int count : {2, 3, 7}) {
      set_threads(count);
      EXPECT_EQ(after_three_steps(step), one) << name << " on " << count << " threads";
    }
  }
}

// Wider vector sets fuse multiply and add, which saves one rounding.
TEST_F(OptimizerKernels, AgreeForAnyVectorWidth) {
  for (const auto& [name, step] : kinds()) {
    set_vector_set(VectorSet::baseline);
    const auto narrow = after_three_steps(step);
    set_vector_set(set_before);
    const auto wide = after_three_steps(step);
    for (std::size_t i = 0; i < wide.size(); ++i)
      ASSERT_NEAR(wide[i], narrow[i], 1e-6 * (1 + std::abs(narrow[i]))) << name << " at " << i;
  }
}

TEST_F(OptimizerKernels, LeaveInactiveParametersAlone) {
  for (const auto& [name, step] : kinds()) {
    Problem problem(kLengths);
    const auto before = problem.parameters[4].value;
    problem.segments[4].active = false;
    problem.segments[4].weight_decay = 1;
    problem.segments[4].grad = nullptr;
    step(problem, kControl);
    EXPECT_EQ(problem.parameters[4].value, before) << name;
    EXPECT_EQ(problem.segments[4].steps, 0) << name;
    EXPECT_EQ(problem.segments[5].steps, 1) << name;
  }
}

TEST_F(OptimizerKernels, ASkippedStepWritesNothingAndCountsNothing) {
  for (const auto& [name, step] : kinds()) {
    Problem problem(kLengths);
    const auto before = values(problem);
    StepControl skipped = kControl;
    skipped.skip = true;
    step(problem, skipped);
    EXPECT_EQ(values(problem), before) << name;
    EXPECT_EQ(problem.segments[5].steps, 0) << name;
  }
}

TEST_F(OptimizerKernels, GradScaleIsAFactorOfTheGradient) {
  for (const auto& [name, step] : kinds()) {
    Problem scaled(kLengths), plain(kLengths);
    for (auto& p : scaled.parameters)
      for (float& g : p.grad) g *= 8;
    StepControl control = kControl;
    control.grad_scale = 0.125;  // a power of two is exact
    step(scaled, control);
    step(plain, kControl);
    EXPECT_EQ(values(scaled), values(plain)) << name;
  }
}

struct GlobalNorm : OptimizerKernels {
  static StepControl control_after(Problem& problem, double max_norm, double grad_scale = 1) {
    StepControl control{.grad_scale = grad_scale};
    std::vector<double> partials(problem.chunks.size(), std::numeric_limits<double>::quiet_NaN());
    global_norm(Cpu{}, problem.table(), max_norm, partials.data(), &control);
    return control;
  }
  static double reference(const Problem& problem) {
    long double sum = 0;
    for (const auto& p : problem.parameters)
      for (const float g : p.grad) sum += static_cast<long double>(g) * static_cast<long double>(g);
    return static_cast<double>(std::sqrt(sum));
  }
};

TEST_F(GlobalNorm, IsTheNormOfAllGradientsOfActiveParameters) {
  Problem problem(kLengths);
  EXPECT_NEAR(control_after(problem, 0).grad_norm, reference(problem), 1e-12 * reference(problem));
  problem.segments[4].active = false;
  const double active = control_after(problem, 0).grad_norm;
  for (float& g : problem.parameters[4].grad) g = 0;
  EXPECT_NEAR(active, reference(problem), 1e-12 * reference(problem));
}

TEST_F(GlobalNorm, ClipsOnlyWhatIsLonger) {
  Problem problem(kLengths);
  const double norm = reference(problem);
  EXPECT_EQ(control_after(problem, 2 * norm).grad_scale, 1);
  EXPECT_EQ(control_after(problem, 0).grad_scale, 1);
  EXPECT_NEAR(control_after(problem, norm / 4).grad_scale, 0.25, 1e-6);
}

TEST_F(GlobalNorm, MeasuresAfterUnscaling) {
  Problem problem(kLengths);
  const double norm = reference(problem);
  const StepControl control = control_after(problem, norm / 16, 0.125);
  EXPECT_NEAR(control.grad_norm, norm / 8, 1e-12 * norm);
  EXPECT_NEAR(control.grad_scale, 0.125 / 2, 1e-6);
}

TEST_F(GlobalNorm, ANonFiniteGradientSkipsTheStep) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Problem problem(kLengths);
    problem.parameters[5].grad[kChunkElements + 1] = bad;
    EXPECT_TRUE(control_after(problem, 1).skip);
    problem.segments[5].active = false;
    EXPECT_FALSE(control_after(problem, 1).skip);
  }
}

TEST_F(GlobalNorm, HasTheSameBytesForAnyNumberOfThreadsAndVectorWidth) {
  Problem problem(kLengths);
  set_threads(1);
  const double one = control_after(problem, 0).grad_norm;
  set_threads(3);
  EXPECT_EQ(control_after(problem, 0).grad_norm, one);
  set_vector_set(VectorSet::baseline);
  EXPECT_EQ(control_after(problem, 0).grad_norm, one);
}

}  // namespace
}  // namespace weft::kernels
