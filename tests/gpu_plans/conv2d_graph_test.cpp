// SPDX-License-Identifier: Apache-2.0
// Tests of the plans of convolutions, for GPUs that are not there (Note [Plans without a GPU]).
#include "weft/kernels/library/conv2d_graph.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "weft/core/error.h"
#include "weft/tools/gpu_plans/questions.h"

namespace weft::gpu_plans {
namespace {

using kernels::Activation, kernels::best_conv2d_plan, kernels::conv2d_plan_of,
    kernels::Conv2dChoice, kernels::Conv2dDirection, kernels::Conv2dGpu, kernels::Conv2dProblem,
    kernels::Conv2dShape, kernels::Conv2dType;

constexpr Conv2dType kTypes[] = {Conv2dType::f32, Conv2dType::f64, Conv2dType::f16,
                                 Conv2dType::bf16};
constexpr Conv2dDirection kDirections[] = {Conv2dDirection::forward, Conv2dDirection::to_input,
                                           Conv2dDirection::to_weight};
constexpr Conv2dShape kShape{.batch = 64,
                             .height = 32,
                             .width = 32,
                             .channels = 64,
                             .out_height = 32,
                             .out_width = 32,
                             .out_channels = 64,
                             .kernel = {3, 3},
                             .padding = {1, 1}};

Conv2dGpu gpu(const std::string& name) {
  const std::string path = WEFT_SOURCE_ROOT "/tools/gpu_plans/gpus/" + name + ".json";
  std::ifstream file(path);
  return Conv2dGpu::described(std::string((std::istreambuf_iterator<char>(file)), {}), path);
}

bool uses(const kernels::Conv2dAnswer& answer, const char* note) {
  return answer.plan != nullptr && answer.plan->notes().find(note) != std::string::npos;
}

TEST(Conv2dGraph, EachTypeAndDirectionHasAPlan) {
  for (const char* name : {"a100", "h100"}) {
    const Conv2dGpu there = gpu(name);
    for (const Conv2dType type : kTypes)
      for (const Conv2dDirection direction : kDirections) {
        const auto answer = best_conv2d_plan(there, problem_of(kShape, type, direction, true));
        ASSERT_NE(answer.plan, nullptr) << answer.refusal;
        EXPECT_GE(answer.plan->choice().workspace_bytes, 0);
        EXPECT_LE(answer.plan->choice().workspace_bytes, kernels::kConv2dWorkspaceBytes);
        EXPECT_EQ(uses(answer, "tensor cores"),
                  type == Conv2dType::f16 || type == Conv2dType::bf16);
      }
  }
}

TEST(Conv2dGraph, Float32IsMultipliedInTf32OnlyIfThatIsAllowed) {
  const Conv2dGpu a100 = gpu("a100"), t4 = gpu("t4");
  for (const Conv2dDirection direction : kDirections) {
    Conv2dProblem problem = problem_of(kShape, Conv2dType::f32, direction, false);
    const auto exact = best_conv2d_plan(a100, problem);
    EXPECT_FALSE(uses(exact, "tensor cores") || uses(exact, "rounded inputs"));
    problem.tf32 = 1;
    const auto fast = best_conv2d_plan(a100, problem);
    EXPECT_TRUE(uses(fast, "tensor cores"));
    EXPECT_FALSE(uses(best_conv2d_plan(t4, problem), "tensor cores"));
    // A choice of the one kind is not accepted for the other.
    problem.tf32 = 0;
    EXPECT_EQ(conv2d_plan_of(a100, problem, fast.plan->choice()).plan, nullptr);
  }
}

TEST(Conv2dGraph, BiasAndReluArePartOfThePlan) {
  const Conv2dGpu there = gpu("rtx4090");
  for (const Conv2dType type : {Conv2dType::f32, Conv2dType::f64})
    for (const Activation activation : {Activation::none, Activation::relu, Activation::gelu,
                                        Activation::silu, Activation::tanh, Activation::sigmoid}) {
      Conv2dProblem problem = problem_of(kShape, type, Conv2dDirection::forward, true);
      problem.activation = static_cast<i64>(activation);
      const auto answer = best_conv2d_plan(there, problem);
      // For the others cuDNN has no engine, or only the slow one.
      const bool fuses = activation == Activation::none || activation == Activation::relu;
      EXPECT_EQ(answer.plan != nullptr, fuses) << answer.refusal;
      problem.direction = Conv2dDirection::to_input;
      EXPECT_EQ(best_conv2d_plan(there, problem).plan, nullptr);
    }
}

// No run asks for these (docs/kernels.md, "Fusions with batch norm").
TEST(Conv2dGraph, BatchNormIsPartOfThePlanInHalfPrecision) {
  const Conv2dGpu there = gpu("a100");
  for (const kernels::Conv2dFusion& fusion :
       {kernels::Conv2dFusion{.scale_shift_relu = false, .statistics = true},
        kernels::Conv2dFusion{.scale_shift_relu = true, .statistics = false},
        kernels::Conv2dFusion{.scale_shift_relu = true, .statistics = true}}) {
    Conv2dProblem problem = problem_of(kShape, Conv2dType::f16, Conv2dDirection::forward, false);
    const auto answer = best_conv2d_plan(there, problem, fusion);
    ASSERT_NE(answer.plan, nullptr) << answer.refusal;
    EXPECT_FALSE(uses(answer, "other bits") || uses(answer, "keeps NaN"));
    // It is another graph than the convolution's alone.
    const auto alone = best_conv2d_plan(there, problem);
    EXPECT_NE(answer.plan->choice(), alone.plan->choice());
    problem.direction = Conv2dDirection::to_input;
    EXPECT_EQ(best_conv2d_plan(there, problem, fusion).refusal,
              "only the direction forward has an epilogue or a fusion");
  }
}

TEST(Conv2dGraph, TheTakenPlanIsOneOfAllThatAreCompared) {
  const Conv2dGpu there = gpu("h100");
  for (const Conv2dType type : {Conv2dType::f32, Conv2dType::f16, Conv2dType::bf16}) {
    const Conv2dProblem problem = problem_of(kShape, type, Conv2dDirection::forward, false);
    const auto all = kernels::all_conv2d_plans(there, problem);
    const auto taken = best_conv2d_plan(there, problem);
    ASSERT_NE(taken.plan, nullptr) << taken.refusal;
    EXPECT_GT(all.size(), 1u);
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const auto& plan) {
      return plan->choice() == taken.plan->choice();
    }));
    for (const auto& plan : all) {
      EXPECT_LE(plan->choice().workspace_bytes, kernels::kConv2dWorkspaceBytes);
      if (type == Conv2dType::f32) {
        EXPECT_EQ(plan->notes().find("tensor cores"), std::string::npos);
      }
    }
  }
}

TEST(Conv2dGraph, IsDeterministicAndASavedChoiceGivesTheSamePlan) {
  for (const char* name : {"t4", "rtx3060", "a100", "rtx4090", "h100", "b200"}) {
    const Conv2dGpu there = gpu(name);
    for (const Conv2dType type : kTypes)
      for (const Conv2dDirection direction : kDirections) {
        const Conv2dProblem problem = problem_of(kShape, type, direction, true);
        const auto answer = best_conv2d_plan(there, problem);
        if (answer.plan == nullptr) continue;
        EXPECT_FALSE(uses(answer, "other bits"));
        const auto again = conv2d_plan_of(there, problem, answer.plan->choice());
        ASSERT_NE(again.plan, nullptr) << again.refusal;
        EXPECT_EQ(again.plan->choice(), answer.plan->choice());
      }
  }
}

TEST(Conv2dGraph, AForgedChoiceIsRefusedOrIsAnAllowedPlan) {
  const Conv2dGpu there = gpu("h100");
  std::mt19937_64 random(7);
  const Conv2dProblem problem = problem_of(kShape, Conv2dType::f32, Conv2dDirection::forward, true);
  const Conv2dChoice good = best_conv2d_plan(there, problem).plan->choice();
  const i64 numbers[] = {
      0, -1, 1, 255, 256, 300, std::numeric_limits<i64>::max(), std::numeric_limits<i64>::min()};
  for (int i = 0; i < 500; ++i) {
    Conv2dChoice forged = good;
    const auto number = [&] { return numbers[random() % std::size(numbers)]; };
    if (i % 3 == 0) forged.engine = static_cast<i64>(random() % 100);
    if (i % 3 == 1) forged.engine = number();
    for (i64& setting : forged.settings)
      if (random() % 8 == 0) setting = random() % 2 == 0 ? number() : static_cast<i64>(random());
    const auto answer = conv2d_plan_of(there, problem, forged);
    EXPECT_FALSE(uses(answer, "tensor cores"));
    EXPECT_EQ(answer.plan == nullptr, answer.refusal != "");
  }
}

TEST(Conv2dGraph, ArraysAtOddAddressesHaveAPlan) {
  for (const Conv2dType type : kTypes) {
    Conv2dProblem problem = problem_of(kShape, type, Conv2dDirection::forward, false);
    problem.alignment = type == Conv2dType::f64 ? 8 : (type == Conv2dType::f32 ? 4 : 2);
    const auto answer = best_conv2d_plan(gpu("h100"), problem);
    EXPECT_NE(answer.plan, nullptr) << answer.refusal;
  }
}

TEST(Conv2dGraph, Bfloat16OnAnOldGpuIsOneSentence) {
  const Conv2dProblem problem =
      problem_of(kShape, Conv2dType::bf16, Conv2dDirection::forward, false);
  const auto answer = best_conv2d_plan(gpu("t4"), problem);
  ASSERT_EQ(answer.plan, nullptr);
  EXPECT_TRUE(is_refusal_expected(75, Conv2dType::bf16));
  EXPECT_FALSE(is_refusal_expected(80, Conv2dType::bf16));
  try {
    refuse_conv2d(problem, "cuDNN 9", "Tesla T4", answer.refusal);
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "conv2d: bf16 images (64, 32, 32, 64) and a kernel of 3 × 3 given; cuDNN 9 has no "
                 "plan for them on Tesla T4 (cuDNN suggests no engine), so another precision or "
                 "run.device=cpu is required");
  }
}

TEST(Conv2dGraph, ADescriptionThatCudnnDoesNotReadIsNamed) {
  for (const char* text : {"", "{}", "no JSON", R"({"deviceVer": 900})"}) {
    try {
      Conv2dGpu::described(text, "that file");
      ADD_FAILURE() << "accepted: " << text;
    } catch (const UserError& error) {
      EXPECT_EQ(std::string(error.what()).find("that file: cuDNN does not accept"), 0u)
          << error.what();
    }
  }
}

TEST(GpuPlansQuestions, AreRead) {
  const auto all = model_convolutions(WEFT_SOURCE_ROOT "/tools/gpu_plans/model_convolutions.txt");
  EXPECT_GE(all.size(), 20u);
  // The second convolution of a residual block reads a batch norm, and its result goes into one.
  EXPECT_EQ(
      std::count_if(all.begin(), all.end(), [](const Convolution& c) { return c.norm_before; }), 4);
  for (const Convolution& c : all) EXPECT_TRUE(c.norm_after || !c.norm_before);
  EXPECT_THROW(model_convolutions("/nowhere"), UserError);
  EXPECT_THROW(model_convolutions(WEFT_SOURCE_ROOT "/LICENSE"), UserError);
  EXPECT_EQ(grid_of_convolutions().size(), 11u * 7 * 2 * 2);
}

}  // namespace
}  // namespace weft::gpu_plans
