// SPDX-License-Identifier: Apache-2.0
// Tests of the gradient check itself: a wrong gradient is found and named.
#include <cmath>

#include <gtest/gtest.h>

#include "weft/autograd/tape.h"
#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::gradcheck;
using testing::Variables;

Tensor counted(const Shape& shape) {
  Tensor x = Tensor::empty(shape, DType::f64);
  for (i64 i = 0; i < x.elements(); ++i) x.data<double>()[i] = 0.1 * static_cast<double>(i + 1);
  return x;
}

// x², whose gradient is wrong by `factor` at one element.
Variable wrong_square(const Variable& x, i64 element, double factor) {
  const Tensor& kept = x.value();
  return record("wrong_square", square(x.value()), edge(x, [=](const Tensor& dy, Tensor& dx) {
                  unary_backward<kernels::Square>(dx, dy, kept);
                  dx.data<double>()[element] *= factor;
                }));
}

TEST(Gradcheck, NamesOpInputElementAndBothValues) {
  const std::string message = gradcheck(
      "wrong_square", [](const Variables& a) { return a[0] + wrong_square(a[1], 4, 1.001); },
      {counted({2, 3}), counted({2, 3})});
  EXPECT_EQ(message.rfind("wrong_square: the gradient of input 1 (2, 3) at [1, 1] is ", 0), 0u)
      << message;
  EXPECT_NE(message.find("the difference quotient is "), std::string::npos);
}

TEST(Gradcheck, AcceptsWhatIsRight) {
  EXPECT_EQ(gradcheck("wrong_square", [](const Variables& a) { return wrong_square(a[0], 4, 1.0); },
                      {counted({2, 3})}),
            "");
  EXPECT_EQ(gradcheck("matmul", [](const Variables& a) { return matmul(a[0], a[1]); },
                      {counted({2, 3}), counted({3, 2})}),
            "");
}

TEST(Gradcheck, SeesAMissingGradient) {
  EXPECT_NE(gradcheck("detached", [](const Variables& a) { return a[0] * a[1].detach(); },
                      {counted({3}), counted({3})}),
            "");
}

TEST(Gradcheck, LeavesItsInputsAlone) {
  const Tensor x = counted({3}), before = x.clone();
  gradcheck("square", [](const Variables& a) { return square(a[0]); }, {x});
  EXPECT_EQ(testing::difference_in_bytes(x, before), "");
}

TEST(Gradcheck, WantsF64) {
  EXPECT_THROW(
      gradcheck("square", [](const Variables& a) { return square(a[0]); }, {Tensor::zeros({2})}),
      UserError);
}

TEST(Difference, NamesTheWorstElement) {
  const Tensor expected = Tensor::copy_of<double>(std::vector<double>{1, 2, 3, 4}, {2, 2});
  const Tensor actual = Tensor::copy_of<double>(std::vector<double>{1, 2.1, 3.5, 4}, {2, 2});
  EXPECT_EQ(testing::difference(actual, expected, 1e-3)
                .rfind("element [1, 0] of f64 (2, 2) is 3.5; 3 is expected", 0),
            0u);
  EXPECT_EQ(testing::difference(actual, expected, 0.2), "");
  EXPECT_NE(testing::difference(actual.reshape({4}), expected, 1.0), "");
}

TEST(Difference, TakesNaNAndInfinityAsNumbersOfTheirOwn) {
  const auto one = [](double x) { return Tensor::full({}, x, DType::f64); };
  EXPECT_EQ(testing::difference(one(NAN), one(NAN), 0), "");
  EXPECT_EQ(testing::difference(one(-INFINITY), one(-INFINITY), 0), "");
  EXPECT_NE(testing::difference(one(NAN), one(1), 1e9), "");
  EXPECT_NE(testing::difference(one(1), one(NAN), 1e9), "");
  EXPECT_NE(testing::difference(one(INFINITY), one(-INFINITY), 1e9), "");
  EXPECT_NE(testing::difference(one(1), one(INFINITY), 1e9), "");
}

TEST(Poison, MemoryIsHandedOutFullOfNaN) {
  const testing::Poison poison;
  const Tensor single = Tensor::empty({100}), twice = Tensor::empty({100}, DType::f64);
  for (const float value : single.values<float>()) ASSERT_TRUE(std::isnan(value));
  for (const double value : twice.values<double>()) ASSERT_TRUE(std::isnan(value));
}

}  // namespace
}  // namespace weft
