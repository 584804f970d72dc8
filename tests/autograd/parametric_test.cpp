// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::matrix;

// Applies f to every element in double.
template <class F>
auto applied(F f) {
  return [f](const testing::Variables& a) {
    Tensor y = a[0].value().clone();
    for (double& value : y.values<double>()) value = f(value);
    return Variable(y);
  };
}

constexpr double kNone = std::numeric_limits<double>::infinity();

WEFT_OP_ROW(clamp,
            {.inputs = {matrix},
             .op = [](auto& a) { return clamp(a[0], -0.5, 0.75); },
             .reference = applied([](double x) { return std::clamp(x, -0.5, 0.75); }),
             .errors = {{[] { clamp(Variable(Tensor::zeros({2})), 2, 1); },
                         "low is 2 and high is 1; low must not be above high"},
                        {[] { clamp(Variable(Tensor::zeros({2})), NAN, 1); }, "low is nan"}}});
WEFT_OP_ROW(clamp, {.variant = "one_bound",
                    .inputs = {matrix},
                    .op = [](auto& a) { return clamp(a[0], 0.25, kNone); },
                    .reference = applied([](double x) { return std::max(x, 0.25); })});
WEFT_OP_ROW(pow, {.inputs = {testing::positive},
                  .op = [](auto& a) { return pow(a[0], -1.5); },
                  .reference = applied([](double x) { return 1 / (x * std::sqrt(x)); })});
WEFT_OP_ROW(pow, {.variant = "cube",
                  .inputs = {matrix},
                  .op = [](auto& a) { return pow(a[0], 3); },
                  .reference = applied([](double x) { return x * x * x; })});

std::vector<double> slopes(const std::vector<double>& values,
                           const std::function<Variable(const Variable&)>& op) {
  const Variable x = Variable::leaf(Tensor::copy_of(values, {static_cast<i64>(values.size())}));
  sum(op(x)).backward();
  return x.grad().to_vector<double>();
}
bool is_nan(double x) { return std::isnan(x); }

// The values and gradients of torch.clamp and torch.pow at the points where others differ.
TEST(Clamp, TheBoundsHaveAGradientAndNaNHasNone) {
  const std::vector<double> x = {-2, -1, 0, 1, 2, NAN};
  const auto op = [](const Variable& v) { return clamp(v, -1, 1); };
  EXPECT_EQ(slopes(x, op), (std::vector<double>{0, 1, 1, 1, 0, 0}));
  EXPECT_TRUE(is_nan(clamp(Tensor::copy_of(x, {6}), -1, 1).to_vector<double>()[5]));
}

TEST(Pow, ZerosAndNegativeBases) {
  const auto values = [](std::vector<double> x, double exponent) {
    return pow(Tensor::copy_of(x, {static_cast<i64>(x.size())}), exponent).to_vector<double>();
  };
  EXPECT_EQ(values({0, -2, NAN}, 0), (std::vector<double>{1, 1, 1}));
  EXPECT_EQ(values({-2, 0}, 3), (std::vector<double>{-8, 0}));
  EXPECT_EQ(values({0}, -1), (std::vector<double>{kNone}));
  EXPECT_TRUE(is_nan(values({-2}, 0.5)[0]));
  EXPECT_EQ(slopes({0, 3, NAN}, [](const Variable& v) { return pow(v, 0); }),
            (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(slopes({0, -3}, [](const Variable& v) { return pow(v, 1); }),
            (std::vector<double>{1, 1}));
  EXPECT_EQ(slopes({0, -3}, [](const Variable& v) { return pow(v, 2); }),
            (std::vector<double>{0, -6}));
  EXPECT_EQ(slopes({0}, [](const Variable& v) { return pow(v, 0.5); }),
            (std::vector<double>{kNone}));
}

}  // namespace
}  // namespace weft
