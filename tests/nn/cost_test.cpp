// SPDX-License-Identifier: Apache-2.0
// Arithmetic and memory of models, against counts by hand.
#include <gtest/gtest.h>

#include "weft/nn/cost.h"
#include "weft/nn/nn.h"

namespace weft::nn {
namespace {

const LayerCost& layer_named(const ModelCost& cost, const std::string& path) {
  for (const LayerCost& layer : cost.layers)
    if (layer.path == path) return layer;
  ADD_FAILURE() << "no layer " << path;
  return cost.total;
}

TEST(Cost, OfAnMlp) {
  Sequential model{Flatten{}, Linear{12, 1024}, ReLU{}, Linear{1024, 2}};
  const ModelCost cost = cost_of(model, {2, 3, 2}, DType::f32);
  const LayerCost &first = layer_named(cost, "1"), &last = layer_named(cost, "3");
  EXPECT_EQ(first.forward_flops, 2 * 12 * 1024);
  EXPECT_EQ(first.backward_flops, 2 * 12 * 1024) << "nothing before it asks for a gradient";
  EXPECT_EQ(last.forward_flops, 2 * 1024 * 2);
  EXPECT_EQ(last.backward_flops, 2 * 2 * 1024 * 2);
  EXPECT_EQ(first.parameters, 13 * 1024);
  EXPECT_NEAR(first.share, 13312.0 / 15362, 1e-12);
  EXPECT_EQ(cost.total.parameters, 15362);
  EXPECT_EQ(cost.parameter_bytes, 4 * 15362);
  EXPECT_EQ(cost.gradient_bytes, 4 * 15362);
  // The ReLU is fused into the product, and a flattened view takes no memory of its own.
  EXPECT_EQ(cost.total.activation_bytes, 4 * (1024 + 2));
}

TEST(Cost, OfAConvolutionWithGroupsAndStride) {
  Sequential model{Conv2d{4, 8, 3, {.stride = 2, .padding = 1, .groups = 2}}, Flatten{},
                   Linear{8 * 3 * 3, 5}};
  const ModelCost cost = cost_of(model, {6, 6, 4}, DType::f32);
  // 3 × 3 positions, 8 channels, each a sum over 3 × 3 × 2 inputs.
  EXPECT_EQ(layer_named(cost, "0").forward_flops, 2 * 9 * 8 * 18);
  EXPECT_EQ(layer_named(cost, "2").backward_flops, 2 * 2 * 72 * 5);
}

TEST(Cost, FrozenLayersHaveNoBackward) {
  Sequential model{Linear{3, 4}, Linear{4, 5}, Linear{5, 6}};
  const NamedParameters parameters = model.named_parameters();
  for (std::size_t i = 0; i < 4; ++i) parameters[i].variable.set_requires_grad(false);
  const ModelCost cost = cost_of(model, {3}, DType::f32);
  EXPECT_EQ(layer_named(cost, "0").backward_flops, 0);
  EXPECT_EQ(layer_named(cost, "1").backward_flops, 0);
  EXPECT_EQ(layer_named(cost, "2").backward_flops, 2 * 5 * 6);
  EXPECT_EQ(cost.total.trained, 36);
  EXPECT_EQ(cost.gradient_bytes, 4 * 36);
  EXPECT_EQ(cost.parameter_bytes, 4 * (16 + 25 + 36));
}

// 1.814 billion multiply-adds for images of 224 × 224, as the paper's table 1 has for 18 layers;
// a convolution of 64 × 64 pixels takes 4/49 of them.
TEST(Cost, OfResNet18Slow) {
  AnyModule model =
      resnet({.depth = 18, .stem = ResNetStem::imagenet}).make(ModelInput{Shape{64, 64, 3}, 1000});
  const ModelCost cost = cost_of(*model, {64, 64, 3}, DType::f32);
  const double forward = 2 * (1'813'561'344.0 / 49 * 4 + 512 * 1000);
  EXPECT_EQ(cost.total.forward_flops, forward);
  EXPECT_EQ(cost.total.backward_flops, 2 * forward - 2 * 118'013'952.0 / 49 * 4);
  EXPECT_EQ(cost.total.parameters, 11'689'512);
}

TEST(Cost, LeavesTheModelAsItWas) {
  AnyModule model =
      cnn({.channels = {3, 4}, .hidden = 5, .dropout = 0.5}).make(ModelInput{Shape{4, 4, 1}, 3});
  const auto statistics = [&] {
    std::vector<std::vector<float>> values;
    for (const NamedBuffer& b : model->named_buffers())
      if (is_floating(b.buffer->value.dtype()))
        values.push_back(b.buffer->value.to_vector<float>());
    return values;
  };
  const std::vector<std::vector<float>> before = statistics();
  EXPECT_FALSE(before.empty());
  cost_of(*model, {4, 4, 1}, DType::f32);
  EXPECT_EQ(statistics(), before);
  EXPECT_TRUE(model->training());
}

TEST(Cost, CountsATiedParameterOnce) {
  struct Tied : Module {
    Linear a{4, 4, {.bias = false}}, b{4, 4, {.bias = false}};
    Tied() { b.weight.tie(a.weight); }
    void parts(Parts& p) override { p("a", a)("b", b); }
    Variable forward(const Variable& x) override { return b(a(x)); }
  } model;
  const ModelCost cost = cost_of(model, {4}, DType::f32);
  EXPECT_EQ(cost.total.parameters, 16);
  EXPECT_EQ(cost.total.forward_flops, 2 * 2 * 16);
}

}  // namespace
}  // namespace weft::nn
