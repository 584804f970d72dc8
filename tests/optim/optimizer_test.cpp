// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "weft/device/allocator.h"
#include "weft/optim/adam.h"
#include "weft/optim/sgd.h"
#include "weft/tests/optim/net.h"

namespace weft::optim {
namespace {

using Names = std::vector<std::string>;

TEST(Optimizer, AllKindsAreRegistered) {
  // heavy_ball is that of element_optimizer_test.cpp.
  EXPECT_EQ(Registry<Optimizer>::instance().names(), (Names{"adam", "adamw", "heavy_ball", "sgd"}));
}

TEST(Optimizer, SgdTakesItsOptions) {
  Net net;
  const double before = net.values(1)[1];
  SGD opt{net.parameters, {.lr = 0.1, .momentum = 0.5, .nesterov = true, .weight_decay = 0.01}};
  train(net, opt, 1);
  const double slope = before + 1 + 0.01 * before;
  EXPECT_DOUBLE_EQ(net.values(1)[1], before - 0.1 * (slope + 0.5 * slope));
}

TEST(Optimizer, AdamAndAdamWTakeTheirOptions) {
  for (const bool decoupled : {false, true}) {
    Net net;
    const double before = net.values(1)[1];
    const auto opt =
        decoupled ? adamw({.lr = 0.1, .beta1 = 0.5, .beta2 = 0.9, .eps = 0.3, .weight_decay = 0.2})
                        .make(net.parameters)
                  : adam({.lr = 0.1, .beta1 = 0.5, .beta2 = 0.9, .eps = 0.3, .weight_decay = 0.2})
                        .make(net.parameters);
    train(net, *opt, 1);
    const double slope = before + 1 + (decoupled ? 0 : 0.2 * before);
    const double kept = decoupled ? before * (1 - 0.1 * 0.2) : before;
    EXPECT_NEAR(net.values(1)[1], kept - 0.1 * slope / (std::abs(slope) + 0.3), 1e-15);
  }
}

TEST(Optimizer, LearningRateAndMomentumSetBetweenStepsCount) {
  Net net;
  SGD opt{net.parameters, {.lr = 0.1, .momentum = 0.5}};
  opt.set_lr(0);
  const auto before = net.values();
  train(net, opt, 1);
  EXPECT_EQ(net.values(), before);
  EXPECT_EQ(opt.applied_steps(), 1);
  EXPECT_EQ(opt.base_lr(), 0.1);
}

TEST(Optimizer, GroupsSetLearningRateAndDecayByName) {
  Net net;
  SGD opt{net.parameters,
          {.lr = 0.1,
           .weight_decay = 0.5,
           .param_groups = {{.match = {"*.bias"}, .lr_factor = 2, .weight_decay = 0},
                            {.match = {"fc1.*"}, .lr_factor = 0}}}};
  const auto weight = net.values(0), bias = net.values(1), other = net.values(2);
  train(net, opt, 1);
  EXPECT_EQ(net.values(0), weight);  // the last matching group applies
  EXPECT_EQ(net.values(1), bias);
  EXPECT_DOUBLE_EQ(net.values(2)[1], other[1] - 0.1 * (other[1] + 1 + 0.5 * other[1]));
  opt.set_param_groups({{.match = {"*.bias"}, .lr_factor = 2, .weight_decay = 0}});
  train(net, opt, 1);
  EXPECT_DOUBLE_EQ(net.values(1)[1], bias[1] - 0.2 * (bias[1] + 1));
}

TEST(Optimizer, AGroupThatMatchesNothingIsAnErrorAndChangesNothing) {
  Net net;
  SGD opt{net.parameters, {}};
  EXPECT_NE(message_of([&] { opt.set_param_groups({{.match = {"fc3.*"}}}); }).find("'fc3.*'"),
            std::string::npos);
  EXPECT_TRUE(opt.param_groups().empty());
  EXPECT_THROW(SGD(net.parameters, {.param_groups = {{.match = {"*.gamma"}}}}), UserError);
}

TEST(Optimizer, OptionsOutOfRangeAreRefused) {
  Net net;
  EXPECT_EQ(message_of([&] { SGD(net.parameters, {.lr = -1}); }),
            "sgd: lr: expected a number above 0, got -1");
  EXPECT_THROW(SGD(net.parameters, {.nesterov = true}), UserError);
  EXPECT_THROW(AdamW(net.parameters, {.beta2 = 1}), UserError);
  EXPECT_THROW(AdamW(net.parameters, {.eps = 1e-50}), UserError);
  EXPECT_THROW(SGD(net.parameters, {.lr = INFINITY}), UserError);
  EXPECT_THROW(SGD(net.parameters, {.weight_decay = 1e39}), UserError);
  SGD plain{net.parameters, {}};
  EXPECT_EQ(
      message_of([&] { plain.set_momentum(0.9); }),
      "sgd: momentum 0.9 set on an optimizer built without; a momentum above 0 in its options is "
      "required");
}

TEST(Optimizer, AParameterWithoutAGradientIsSkipped) {
  Net net;
  AdamW opt{net.parameters, {.weight_decay = 0.1}};
  const auto before = net.values(1);
  opt.zero_grad();
  net.backward(0);
  opt.step();
  EXPECT_EQ(net.values(1), before);
  EXPECT_EQ(opt.state().parameters.at("fc1.bias").steps, 0);
  EXPECT_EQ(opt.state().parameters.at("fc1.weight").steps, 1);
}

TEST(Optimizer, FrozenBytesNeverChange) {
  Net net;
  net.leaf(2).requires_grad = false;
  const auto before = net.values(2);
  AdamW opt{net.parameters, {.lr = 0.1, .weight_decay = 0.1}};
  train(net, opt, 3);
  EXPECT_EQ(net.values(2), before);
  EXPECT_FALSE(opt.state().parameters.contains("fc2.weight"));
  EXPECT_EQ(opt.parameters().gradients().elements(), 32);  // 15 and 3, each rounded up to 16
}

TEST(Optimizer, GradientNormsAreOfEachParameterAndChangeNothing) {
  Net net;
  AdamW opt{net.parameters, {}};
  opt.zero_grad();
  net.backward(0);
  net.backward(2);  // its 40,000 elements are three chunks
  const auto before = net.values();
  const std::vector<double> norms = opt.gradient_norms();
  ASSERT_EQ(norms.size(), 3u);
  for (const int i : {0, 2}) {
    double square = 0;
    for (const double value : net.values(i)) square += std::pow(value + 1, 2);
    EXPECT_NEAR(norms[static_cast<std::size_t>(i)], std::sqrt(square), 1e-10);
  }
  EXPECT_EQ(norms[1], 0);
  net.leaf(0).grad.values<double>()[3] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(opt.gradient_norms()[0], std::numeric_limits<double>::infinity());
  EXPECT_EQ(net.values(), before);
  EXPECT_EQ(opt.applied_steps(), 0);
}

TEST(Optimizer, ClippingBoundsTheUpdate) {
  Net net;
  SGD opt{net.parameters, {.lr = 1}};
  const auto before = net.values();
  net.backward();
  const StepOutcome outcome = opt.step({.clip_norm = 0.5});
  const auto after = net.values();
  double moved = 0, norm = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    moved += std::pow(after[i] - before[i], 2);
    norm += std::pow(before[i] + 1, 2);
  }
  EXPECT_NEAR(std::sqrt(moved), 0.5, 1e-6);
  EXPECT_NEAR(outcome.grad_norm, std::sqrt(norm), 1e-9);
  EXPECT_TRUE(outcome.applied);
}

TEST(Optimizer, ANonFiniteNormLeavesAllAsItWas) {
  Net net;
  AdamW opt{net.parameters, {}};
  net.backward();
  net.leaf(0).grad.values<double>()[3] = std::numeric_limits<double>::infinity();
  const auto before = net.values();
  EXPECT_FALSE(opt.step({.clip_norm = 1}).applied);
  EXPECT_EQ(net.values(), before);
  EXPECT_EQ(opt.applied_steps(), 0);
  net.backward();
  EXPECT_TRUE(opt.step({.clip_norm = 1}).applied);
}

TEST(Optimizer, RebuildKeepsStateByName) {
  Net net;
  net.leaf(2).requires_grad = false;
  AdamW opt{net.parameters, {}};
  train(net, opt, 2);
  const auto mean = opt.state().parameters.at("fc1.bias").slots[0].to_vector<double>();

  net.leaf(1).requires_grad = false;
  net.leaf(2).requires_grad = true;
  RebuildReport report = opt.rebuild();
  EXPECT_EQ(report.kept, Names{"fc1.weight"});
  EXPECT_EQ(report.created, Names{"fc2.weight"});
  EXPECT_EQ(report.stashed, Names{"fc1.bias"});
  EXPECT_TRUE(report.restored.empty());
  train(net, opt, 3);
  EXPECT_EQ(opt.applied_steps(), 5);

  net.leaf(1).requires_grad = true;
  report = opt.rebuild();
  EXPECT_EQ(report.kept, (Names{"fc1.weight", "fc2.weight"}));
  EXPECT_EQ(report.restored, Names{"fc1.bias"});
  const auto parameters = opt.state().parameters;
  EXPECT_EQ(parameters.at("fc1.bias").slots[0].to_vector<double>(), mean);
  EXPECT_EQ(parameters.at("fc1.bias").steps, 2);
  EXPECT_EQ(parameters.at("fc1.weight").steps, 5);
  EXPECT_EQ(parameters.at("fc2.weight").steps, 3);
}

TEST(Optimizer, RebuildInTheMiddleChangesNoStepOfTheOthers) {
  Net net, other;
  AdamW opt{net.parameters, {}}, reference{other.parameters, {}};
  train(net, opt, 2);
  opt.rebuild();
  train(net, opt, 2);
  train(other, reference, 4);
  EXPECT_EQ(net.values(), other.values());
}

TEST(Optimizer, UnfreezingWithoutRebuildIsAnError) {
  Net net;
  net.leaf(1).requires_grad = false;
  SGD opt{net.parameters, {}};
  net.leaf(1).requires_grad = true;
  net.leaf(1).grad = Tensor::zeros({3}, DType::f64);
  net.backward();
  EXPECT_EQ(
      message_of([&] { opt.step(); }),
      "optimizer: requires_grad of 'fc1.bias' was set after the optimizer was built; rebuild() is "
      "required before the next step");
}

TEST(Optimizer, ResumedEqualsUninterrupted) {
  Net straight, first, second;
  AdamW a{straight.parameters, {}}, b{first.parameters, {}}, c{second.parameters, {}};
  train(straight, a, 6);
  train(first, b, 3);
  for (int i = 0; i < 3; ++i) second.leaf(i).value.copy_from(first.leaf(i).value);
  c.load_state(b.state());
  train(second, c, 3);
  EXPECT_EQ(second.values(), straight.values());
  EXPECT_EQ(c.applied_steps(), 6);
}

TEST(Optimizer, StateOfAnotherShapeIsRefusedAndChangesNothing) {
  Net net;
  AdamW opt{net.parameters, {}};
  train(net, opt, 2);
  OptimizerState state = opt.state();
  state.parameters["fc1.bias"].slots[1] = Tensor::zeros({4}, DType::f64);
  EXPECT_EQ(message_of([&] { opt.load_state(state); }),
            "optimizer: the state of 'fc1.bias' is f64 (4); f64 (3) is required");
  state.parameters["fc1.bias"].slots.pop_back();
  EXPECT_EQ(message_of([&] { opt.load_state(state); }),
            "optimizer: the state of 'fc1.bias' has 1 tensors; 2 are required");
  EXPECT_EQ(opt.applied_steps(), 2);
}

TEST(Optimizer, AStepAllocatesNothing) {
  Net net;
  AdamW opt{net.parameters, {}};
  train(net, opt, 1);
  const i64 before = allocator_counters(Cpu{}).allocations;
  for (int k = 0; k < 3; ++k) {
    net.backward();
    opt.step({.clip_norm = 1});
    opt.zero_grad();
  }
  EXPECT_EQ(allocator_counters(Cpu{}).allocations, before);
}

TEST(Optimizer, WorksInFloat) {
  nn::NamedParameters parameters{{"w", Variable::leaf(Tensor::full({3}, 2), "w"), {}}};
  SGD opt{parameters, {.lr = 0.5}};
  Leaf& leaf = *parameters[0].variable.leaf_state();
  leaf.grad.fill(1);
  leaf.has_grad = true;
  opt.step();
  EXPECT_EQ(leaf.value.to_vector<float>(), (std::vector<float>{1.5f, 1.5f, 1.5f}));
}

}  // namespace
}  // namespace weft::optim
