// SPDX-License-Identifier: Apache-2.0
// Tests of optimizers whose step would not change the parameters of the model.
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "weft/nn/nn.h"
#include "weft/optim/adam.h"
#include "weft/optim/sgd.h"
#include "weft/tests/optim/net.h"

namespace weft::optim {
namespace {

TEST(RefusedStep, OfAConvertedParameter) {
  Net net;
  SGD opt{net.parameters, {}};
  net.leaf(1).value = net.leaf(1).value.to(DType::f32);
  EXPECT_EQ(message_of([&] { opt.step(); }),
            "optimizer: 'fc1.bias' was converted to f32 after the optimizer was built for f64; an "
            "optimizer built after the conversion is required");
  EXPECT_EQ(opt.applied_steps(), 0);
}

TEST(RefusedStep, OfAModelThatWasConverted) {
  nn::Linear model{3, 2};
  AdamW opt{model.named_parameters(), {}};
  opt.step();
  model.to(DType::f32);  // the model has this dtype already
  opt.step();
  model.to(DType::f64);
  const std::string wanted =
      "optimizer: 'weight' was converted to f64 after the optimizer was built for f32; an "
      "optimizer built after the conversion is required";
  EXPECT_EQ(message_of([&] { opt.step(); }), wanted);
  EXPECT_EQ(message_of([&] { opt.rebuild(); }), wanted);
  EXPECT_EQ(message_of([&] { opt.gradient_norms(); }), wanted);
  model.to(DType::f32);
  EXPECT_EQ(message_of([&] { opt.step(); }),
            "optimizer: 'weight' has other memory than this optimizer gave it, because it was "
            "given to another optimizer or its value was replaced; the step of the last optimizer "
            "that was built for it is required");
}

TEST(RefusedStep, OfParametersOfAnotherOptimizer) {
  Net net;
  SGD first{net.parameters, {}};
  SGD second{{net.parameters[2]}, {}};
  EXPECT_EQ(message_of([&] { first.step(); }),
            "optimizer: 'fc2.weight' has other memory than this optimizer gave it, because it was "
            "given to another optimizer or its value was replaced; the step of the last optimizer "
            "that was built for it is required");
  EXPECT_EQ(message_of([&] { second.step(); }), "no error");
}

TEST(RefusedStep, OfAParameterThatWasReplaced) {
  Net net;
  SGD opt{net.parameters, {}};
  net.parameters[1].variable = Variable::leaf(Tensor::zeros({3}, DType::f64), "fc1.bias");
  EXPECT_EQ(message_of([&] { opt.step(); }),
            "optimizer: 'fc1.bias' is no parameter of a model any more, because it was replaced or "
            "the model is gone; an optimizer built after the replacement is required");
}

class FourSlots : public Optimizer {
 public:
  explicit FourSlots(const nn::NamedParameters& parameters)
      : Optimizer(parameters, {.lr = 0.1}, {"mean", "mean_square", "maximum", "count"}, {}) {}

 private:
  void update(const AnyTable&, const kernels::StepControl*) override {}
};

TEST(RefusedOptimizer, WithMoreSlotsThanTheTableHas) {
  Net net;
  const Tensor before = net.leaf(0).value;
  EXPECT_EQ(message_of([&] { FourSlots{net.parameters}; }),
            "optimizer: 4 tensors of state for each parameter given (mean, mean_square, maximum, "
            "count); at most 3 are required, as many as kernels::Segment has");
  EXPECT_TRUE(net.leaf(0).value.shares_storage_with(before)) << "nothing was moved";
}

// Each would be taken for "no limit".
TEST(RefusedStep, WithALimitThatIsNone) {
  Net net;
  SGD opt{net.parameters, {}};
  const std::string required = "; 0, or a number from 1.1754944e-38 to 3.402823e+38 is required";
  EXPECT_EQ(message_of([&] { opt.step({.clip_norm = -1}); }),
            "optimizer: clip_norm is -1" + required);
  EXPECT_EQ(message_of([&] { opt.step({.clip_value = NAN}); }),
            "optimizer: clip_value is nan" + required);
  EXPECT_EQ(message_of([&] { opt.step({.clip_norm = 1e-300}); }),
            "optimizer: clip_norm is 1e-300" + required);
  EXPECT_EQ(opt.applied_steps(), 0);
  EXPECT_TRUE(opt.step({.clip_norm = 1}).applied);
}

TEST(RefusedOptimizer, WithARateOrAMomentumOutOfRange) {
  Net net;
  SGD opt{net.parameters, {.lr = 0.5, .momentum = 0.25}};
  for (const double lr : {-1.0, static_cast<double>(NAN), 1e39})
    EXPECT_EQ(message_of([&] { opt.set_lr(lr); }),
              fmt::format("optimizer: a learning rate of {} given; a number from 0 to "
                          "3.402823e+38 is required",
                          lr));
  for (const double momentum : {-0.5, 2.0, static_cast<double>(NAN)})
    EXPECT_EQ(message_of([&] { opt.set_momentum(momentum); }),
              fmt::format("optimizer: a momentum of {} given; a number from 0 to below 1 is "
                          "required",
                          momentum));
  EXPECT_EQ(opt.lr(), 0.5);
  EXPECT_EQ(opt.momentum(), 0.25);
  opt.set_lr(0);
  EXPECT_EQ(opt.lr(), 0);
}

}  // namespace
}  // namespace weft::optim
