// SPDX-License-Identifier: Apache-2.0
// Tests of convolution, pooling, layer norm, embedding and dropout as modules: parameters, shapes,
// options, modes and labels. The ops have tests of their own.
#include <algorithm>

#include "weft/tests/nn/nn_test_tools.h"

namespace weft::nn {
namespace {

TEST(Conv2d, HasTheParametersOfPyTorch) {
  Conv2d conv{6, 8, {3, 2}, {.stride = 2, .padding = {1, 0}, .groups = 2}};
  EXPECT_EQ(names_of(conv), (std::vector<std::string>{"weight", "bias"}));
  EXPECT_EQ(conv.weight.value().shape(), (Shape{8, 3, 2, 3}));
  EXPECT_EQ(file_shape(conv.weight.value().shape(), conv.weight.file_layout()),
            (Shape{8, 3, 3, 2}));
  EXPECT_EQ(conv(numbers({2, 7, 9, 6})).shape(), (Shape{2, 4, 4, 8}));
  EXPECT_EQ(conv.label(), "Conv2d(6, 8, 3×2, stride 2×2, 2 groups)");
  const double bound = 1 / std::sqrt(3.0 * 2 * 3);  // fan_in counts the inputs of one group
  double largest = 0;
  for (const double w : doubles(conv.weight.value())) largest = std::max(largest, std::abs(w));
  EXPECT_LE(largest, bound);
  EXPECT_GT(largest, 0.9 * bound);

  Conv2d plain{6, 8, 3, {.bias = false}};
  EXPECT_EQ(plain.parameter_count(), 8 * 9 * 6);
  EXPECT_CONTAINS(error_of([] { Conv2d(6, 8, 3, {.groups = 4}); }), "multiples of the groups");
  EXPECT_CONTAINS(error_of([] { Conv2d(0, 8, 3); }), "at least 1");
}

TEST(Conv2d, TakesAnActivation) {
  Sequential fused{Conv2d{3, 4, 3}, ReLU{}};
  const Tensor x = numbers({2, 5, 6, 3});
  expect_near(fused(x).value(), relu(fused[0](x).value()), 1e-6);
  Sequential smooth{Conv2d{3, 4, 3}, GELU{}};
  expect_near(smooth(x).value(), gelu(smooth[0](x).value()), 1e-6);
}

TEST(Pool, Shapes) {
  const Tensor x = numbers({2, 7, 9, 3});
  MaxPool2d max_pool{3, {.stride = 2, .padding = 1}};
  AvgPool2d avg_pool{2};
  GlobalAvgPool global;
  EXPECT_EQ(max_pool(x).shape(), (Shape{2, 4, 5, 3}));
  EXPECT_EQ(avg_pool(x).shape(), (Shape{2, 3, 4, 3}));
  EXPECT_EQ(global(x).shape(), (Shape{2, 3}));
  EXPECT_EQ(max_pool.label(), "MaxPool2d(3×3)");
}

TEST(LayerNorm, StartsAsPlainNormalisation) {
  LayerNorm norm{8};
  const std::vector<double> y = doubles(norm(numbers({3, 8})).value());
  for (std::size_t row = 0; row < 3; ++row) {
    double mean = 0, square = 0;
    for (std::size_t i = 0; i < 8; ++i)
      mean += y[row * 8 + i] / 8, square += y[row * 8 + i] * y[row * 8 + i] / 8;
    EXPECT_NEAR(mean, 0, 1e-5);
    EXPECT_NEAR(square, 1, 1e-3);
  }
  EXPECT_EQ(names_of(norm), (std::vector<std::string>{"weight", "bias"}));
  EXPECT_CONTAINS(error_of([] { LayerNorm(0); }), "LayerNorm");
}

TEST(Embedding, PicksRows) {
  Embedding table{5, 3};
  const Variable y = table(Tensor::copy_of(std::vector<i64>{4, 0, 4, 1}, {2, 2}));
  ASSERT_EQ(y.shape(), (Shape{2, 2, 3}));
  expect_same(y.value().reshape({4, 3}).slice(0, 1), table.weight.value().slice(4, 5));
  sum(y).backward();
  EXPECT_EQ(doubles(table.weight.variable().grad()),
            (std::vector<double>{1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 2, 2, 2}));
  EXPECT_CONTAINS(error_of([] { Embedding(0, 3); }), "Embedding");
}

TEST(Dropout, OnlyTrainingDrops) {
  Dropout dropout{0.25};
  const Tensor x = Tensor::full({100, 100}, 1);
  const std::vector<double> y = doubles(dropout(x).value());
  const auto zeros = std::count(y.begin(), y.end(), 0.0);
  EXPECT_NEAR(static_cast<double>(zeros) / 1e4, 0.25, 0.02);
  for (const double v : y) EXPECT_TRUE(v == 0 || std::abs(v - 1 / 0.75) < 1e-6);
  EXPECT_NE(doubles(dropout(x).value()), y);  // each call draws another mask
  dropout.eval();
  EXPECT_EQ(dropout(x).value().raw(), x.raw());
  EXPECT_CONTAINS(error_of([] { Dropout(1.5); }), "Dropout: p is 1.5");
}

TEST(Dropout, EvaluationAndZeroDrawNothing) {
  set_random_step(1, 0);
  Dropout none{0}, half{0.5};
  const Tensor x = Tensor::full({4, 4}, 1);
  none(x);
  half.eval();
  half(x);
  EXPECT_EQ(next_random_op(Device{Cpu{}}).ordinal, 0);
}

}  // namespace
}  // namespace weft::nn
