// SPDX-License-Identifier: Apache-2.0
// An optimizer that is a formula for one element, beside the same one of weft.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/autograd/ops.h"
#include "weft/nn/linear.h"
#include "weft/optim/element_optimizer.h"
#include "weft/optim/sgd.h"
#include "weft/tensor/random.h"

namespace weft::optim {
namespace {

struct HeavyBall {
  double lr = 0.1, weight_decay = 0;
  std::vector<ParamGroup> param_groups = {};
  static constexpr int kSlots = 1;
  template <class T>
  void operator()(T& p, T g, T* velocity, const kernels::UpdateRates<T>& r) const {
    velocity[0] = static_cast<T>(0.9) * velocity[0] + g + r.weight_decay * p;
    p -= r.lr * velocity[0];
  }
};
void describe(Fields& f, HeavyBall& o) {
  f("lr", o.lr, "learning rate", positive)("weight_decay", o.weight_decay, "", non_negative);
  f("param_groups", o.param_groups, "");
}
const bool has_heavy_ball = add_formula<HeavyBall>("heavy_ball");

std::vector<double> trained(nn::Linear layer, const OptimizerRecipe& recipe) {
  const std::unique_ptr<Optimizer> optimizer = recipe.make(layer.named_parameters());
  const Variable x(Tensor::copy_of(std::vector<double>{1, -2, 0.5, 3}, {2, 2}));
  for (int step = 0; step < 5; ++step) {
    optimizer->zero_grad();
    sum(square(layer(x))).backward();
    optimizer->step();
  }
  EXPECT_EQ(optimizer->applied_steps(), 5);
  std::vector<double> values;
  for (const nn::NamedParameter& p : layer.named_parameters())
    for (const double value : p.variable.value().to_vector<double>()) values.push_back(value);
  return values;
}

TEST(ElementOptimizer, StepsAsItsFormulaSays) {
  manual_seed(1);
  nn::Linear layer{2, 3};
  layer.to(DType::f64);
  const std::vector<ParamGroup> groups{{.match = {"bias"}, .lr_factor = 0.5}};
  const auto formula =
      trained(layer, OptimizerRecipe::of("heavy_ball", HeavyBall{0.01, 0.1, groups}));
  const auto sgd_of_weft = trained(
      layer, sgd({.lr = 0.01, .momentum = 0.9, .weight_decay = 0.1, .param_groups = groups}));
  ASSERT_EQ(formula.size(), 9u);
  for (std::size_t i = 0; i < formula.size(); ++i) EXPECT_NEAR(formula[i], sgd_of_weft[i], 1e-12);
}

TEST(ElementOptimizer, HasTheKeysOfItsFormulaAndItsSlots) {
  EXPECT_EQ(field_rows(Registry<Optimizer>::instance(), "heavy_ball").size(), 3u);
  nn::Linear layer{2, 3};
  const auto optimizer = OptimizerRecipe::of("heavy_ball").make(layer.named_parameters());
  EXPECT_EQ(optimizer->slot_names(), (std::vector<std::string>{"first"}));
  EXPECT_THROW(OptimizerRecipe::of("heavy_ball", HeavyBall{-1}), UserError);
}

}  // namespace
}  // namespace weft::optim
