// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/device_step.h"

#include <limits>

#include <gtest/gtest.h>

#include "weft/optim/adam.h"
#include "weft/optim/sgd.h"
#include "weft/tests/optim/net.h"

namespace weft::optim {
namespace {

// Makes a step as train/step does: the learning rate and momentum are written to control(), and
// those of the optimizer are not read.
void step_by_control(Net& net, Optimizer& opt, double lr, double momentum) {
  DeviceStep& step = opt.device_step();
  opt.zero_grad();
  net.backward();
  step.prepare();
  kernels::StepControl& control = *step.control();
  control = {.lr = lr, .momentum = momentum, .grad_scale = 0.5};
  step.enqueue({.clip_norm = 1, .clip_value = 0.01});
  step.record(!*step.found_inf(), lr, momentum);
}

TEST(DeviceStep, IsAStepByTheScalarsInControl) {
  Net net, other;
  AdamW opt{net.parameters, {}}, reference{other.parameters, {}};
  for (const double lr : {0.1, 0.01, 0.2}) {
    step_by_control(net, opt, lr, 0.8);
    reference.set_lr(lr);
    reference.set_momentum(0.8);
    reference.zero_grad();
    other.backward();
    reference.step({.clip_norm = 1, .clip_value = 0.01, .grad_scale = 0.5});
  }
  EXPECT_EQ(net.values(), other.values());
  EXPECT_EQ(opt.applied_steps(), 3);
  EXPECT_EQ(opt.lr(), 0.2);
  EXPECT_EQ(opt.momentum(), 0.8);
  EXPECT_EQ(opt.state().parameters.at("fc1.bias").steps, 3);
}

TEST(DeviceStep, FindsWhatIsNotFiniteAndCountsNoStepOfIt) {
  Net net;
  AdamW opt{net.parameters, {}};
  EXPECT_FALSE(*opt.device_step().found_inf());
  net.leaf(1).value.values<double>()[0] = std::numeric_limits<double>::infinity();
  const auto before = net.values();
  step_by_control(net, opt, 0.1, 0.9);
  EXPECT_TRUE(*opt.device_step().found_inf());
  EXPECT_EQ(net.values(), before);
  EXPECT_EQ(opt.applied_steps(), 0);
  EXPECT_EQ(opt.state().parameters.at("fc1.bias").steps, 0);
}

TEST(DeviceStep, SendsTheScalarsOfTheHost) {
  Net net;
  AdamW opt{net.parameters, {.lr = 0.1, .beta1 = 0.5}};
  kernels::StepControl* const control = opt.device_step().control();
  EXPECT_EQ(control->lr, 0.1) << "set by the constructor";
  train(net, opt, 2);
  opt.set_lr(0.3);
  opt.set_momentum(0.7);
  control->skip = true;
  opt.device_step().send_control();
  EXPECT_EQ(control->lr, 0.3);
  EXPECT_EQ(control->momentum, 0.7);
  EXPECT_EQ(control->applied, 2);
  EXPECT_FALSE(control->skip);
  opt.rebuild();
  EXPECT_EQ(opt.device_step().control(), control);
}

// The caller of record() knows of that step. state_version() tells it of every other change of
// scalars or tables on the host.
TEST(DeviceStep, StateVersionTellsOfAllButRecord) {
  Net net;
  SGD opt{net.parameters, {.lr = 0.1, .momentum = 0.9}};
  u64 before = opt.state_version();
  const auto changed = [&] { return std::exchange(before, opt.state_version()) != before; };
  step_by_control(net, opt, 0.1, 0.9);
  EXPECT_FALSE(changed());
  train(net, opt, 1);
  EXPECT_TRUE(changed()) << "step";
  opt.load_state(opt.state());
  EXPECT_TRUE(changed()) << "load_state";
  opt.rebuild();
  EXPECT_TRUE(changed()) << "rebuild";
  opt.set_lr(0.2);
  EXPECT_TRUE(changed()) << "set_lr";
  opt.set_momentum(0.8);
  EXPECT_TRUE(changed()) << "set_momentum";
  opt.set_lr_factors({1, 2, 3});
  EXPECT_TRUE(changed()) << "set_lr_factors";
  opt.set_param_groups({});
  EXPECT_TRUE(changed()) << "set_param_groups";
}

}  // namespace
}  // namespace weft::optim
