// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::matrix;

// Sums over one axis of (outer, n, inner), in order. Each sum is multiplied by scale(n).
template <class Scale>
auto sums(int axis, Scale scale) {
  return [=](const testing::Variables& a) {
    const Tensor& x = a[0].value();
    const int k = x.shape().checked_axis(axis);
    const i64 outer = x.shape().elements(0, k), n = x.size(k),
              inner = x.shape().elements(k + 1, x.rank());
    Tensor y = Tensor::zeros(x.shape().with(k, 1), DType::f64);
    for (i64 o = 0; o < outer; ++o)
      for (i64 j = 0; j < n; ++j)
        for (i64 i = 0; i < inner; ++i)
          y.data<double>()[o * inner + i] += x.data<double>()[(o * n + j) * inner + i];
    for (double& value : y.values<double>()) value *= scale(static_cast<double>(n));
    return Variable(y);
  };
}
double one(double) { return 1.0; }
double reciprocal(double n) { return 1.0 / n; }
template <class Scale>
auto sum_of_all(Scale scale) {
  return [=](const testing::Variables& a) {
    return Variable(sums(0, scale)({a[0].value().reshape({-1})}).value().reshape(Shape{}));
  };
}
Tensor stack(const testing::Draw& draw) { return draw.normal({3, draw.size.rows, draw.size.cols}); }

WEFT_OP_ROW(sum, {.inputs = {matrix},
                  .op = [](auto& a) { return sum(a[0]); },
                  .reference = sum_of_all(one)});
WEFT_OP_ROW(sum, {.variant = "columns",
                  .inputs = {matrix},
                  .op = [](auto& a) { return sum(a[0], 0); },
                  .reference = sums(0, one)});
WEFT_OP_ROW(sum, {.variant = "rows",
                  .inputs = {matrix},
                  .op = [](auto& a) { return sum(a[0], -1); },
                  .reference = sums(-1, one)});
WEFT_OP_ROW(sum, {.variant = "middle",
                  .inputs = {stack},
                  .op = [](auto& a) { return sum(a[0], 1); },
                  .reference = sums(1, one)});
WEFT_OP_ROW(mean, {.inputs = {matrix},
                   .op = [](auto& a) { return mean(a[0]); },
                   .reference = sum_of_all(reciprocal)});
WEFT_OP_ROW(mean, {.variant = "columns",
                   .inputs = {matrix},
                   .op = [](auto& a) { return mean(a[0], 0); },
                   .reference = sums(0, reciprocal)});
WEFT_OP_ROW(mean, {.variant = "rows",
                   .inputs = {matrix},
                   .op = [](auto& a) { return mean(a[0], -1); },
                   .reference = sums(-1, reciprocal)});
WEFT_OP_ROW(mean, {.variant = "middle",
                   .inputs = {stack},
                   .op = [](auto& a) { return mean(a[0], 1); },
                   .reference = sums(1, reciprocal)});

// A reduction of the axes 0 and 2 of (4, rows, cols, 2), or of 1 and 2, by the definition:
// result(x) for the elements x of each result.
Tensor four_axes(const testing::Draw& draw) {
  return draw.normal({4, draw.size.rows, draw.size.cols, 2});
}
template <class Result>
auto over(std::initializer_list<int> axes, bool keepdim, Result result) {
  std::array<bool, 4> chosen{};
  for (const int axis : axes) chosen[static_cast<std::size_t>(axis)] = true;
  return [=](const testing::Variables& a) {
    const Shape& shape = a[0].shape();
    Shape kept = shape, dropped = shape;
    for (int axis = 3; axis >= 0; --axis) {
      if (!chosen[static_cast<std::size_t>(axis)]) continue;
      kept = kept.with(axis, 1);
      dropped = dropped.without(axis);
    }
    std::vector<std::vector<double>> parts(static_cast<std::size_t>(kept.elements()));
    for (i64 i = 0; i < shape.elements(); ++i) {
      i64 rest = i, to = 0, along = 1;
      for (int axis = 3; axis >= 0; --axis) {
        const i64 at = rest % shape[axis];
        rest /= shape[axis];
        to += kept[axis] == 1 ? 0 : at * along;
        along *= kept[axis];
      }
      parts[static_cast<std::size_t>(to)].push_back(a[0].value().data<double>()[i]);
    }
    Tensor y = Tensor::empty(keepdim ? kept : dropped, DType::f64);
    for (i64 i = 0; i < y.elements(); ++i)
      y.data<double>()[i] = result(parts[static_cast<std::size_t>(i)]);
    return Variable(y);
  };
}
double total(const std::vector<double>& x) {
  double result = 0;
  for (const double value : x) result += value;
  return result;
}
double average(const std::vector<double>& x) { return total(x) / static_cast<double>(x.size()); }
auto variance(double correction) {
  return [=](const std::vector<double>& x) {
    const double center = average(x);
    double squares = 0;
    for (const double value : x) squares += (value - center) * (value - center);
    return squares / (static_cast<double>(x.size()) - correction);
  };
}
double largest(const std::vector<double>& x) { return *std::max_element(x.begin(), x.end()); }
double smallest(const std::vector<double>& x) { return *std::min_element(x.begin(), x.end()); }
const std::vector<testing::Size> kFull = {{1, 1}, {31, 33}, {33, 31}, {3, 1025}};

WEFT_OP_ROW(sum,
            {.variant = "axes",
             .inputs = {four_axes},
             .op =
                 [](auto& a) {
                   return sum(a[0], {0, -2});
                 },
             .reference = over({0, 2}, true, total),
             .errors = {{[] {
                           sum(Variable(Tensor::zeros({2, 3})), {0, -2});
                         },
                         "axis 0 given twice for shape (2, 3); each axis may be named once"}}});
WEFT_OP_ROW(sum, {.variant = "axes_dropped",
                  .inputs = {four_axes},
                  .op =
                      [](auto& a) {
                        return sum(a[0], {2, 1}, false);
                      },
                  .reference = over({1, 2}, false, total)});
WEFT_OP_ROW(mean, {.variant = "axes",
                   .inputs = {four_axes},
                   .op =
                       [](auto& a) {
                         return mean(a[0], {0, 2}, false);
                       },
                   .reference = over({0, 2}, false, average),
                   .sizes = kFull});
WEFT_OP_ROW(var,
            {.inputs = {four_axes},
             .op =
                 [](auto& a) {
                   return var(a[0], {0, 2});
                 },
             .reference = over({0, 2}, true, variance(1)),
             .errors = {{[] {
                           var(Variable(Tensor::zeros({1, 3})), {0});
                         },
                         "1 elements and correction 1; a correction from 0, below the elements, "
                         "is required"}},
             .sizes = kFull});
WEFT_OP_ROW(var, {.variant = "biased",
                  .inputs = {four_axes},
                  .op =
                      [](auto& a) {
                        return var(a[0], {3, 1}, {.correction = 0, .keepdim = false});
                      },
                  .reference = over({1, 3}, false, variance(0)),
                  .sizes = kFull});
WEFT_OP_ROW(amax, {.inputs = {four_axes},
                   .op =
                       [](auto& a) {
                         return amax(a[0], {0, 2});
                       },
                   .reference = over({0, 2}, true, largest),
                   .errors = {{[] {
                                 amax(Variable(Tensor::zeros({2, 0})), {0, 1});
                               },
                               "x is (2, 0); none of the axes may be empty"}},
                   .sizes = kFull});
WEFT_OP_ROW(amin, {.inputs = {four_axes},
                   .op =
                       [](auto& a) {
                         return amin(a[0], {1, 2}, false);
                       },
                   .reference = over({1, 2}, false, smallest),
                   .sizes = kFull});
WEFT_OP_ROW(max, {.inputs = {four_axes},
                  .op = [](auto& a) { return max(a[0], -2).value; },
                  .reference = over({2}, true, largest),
                  .errors = {{[] {
                                max(Variable(Tensor::zeros({2, 0})), 1);
                              },
                              "x is (2, 0); axis 1 must not be empty"}},
                  .sizes = kFull});
WEFT_OP_ROW(min, {.inputs = {matrix},
                  .op = [](auto& a) { return min(a[0], -1).value; },
                  .reference =
                      [](auto& a) {
                        const i64 rows = a[0].shape()[0], cols = a[0].shape()[1];
                        Tensor y = Tensor::empty({rows, 1}, DType::f64);
                        for (i64 r = 0; r < rows; ++r) {
                          const double* row = a[0].value().template data<double>() + r * cols;
                          y.data<double>()[r] = *std::min_element(row, row + cols);
                        }
                        return Variable(y);
                      },
                  .sizes = testing::sizes_with_columns()});
WEFT_OP_ROW(top_k,
            {.inputs = {matrix},
             .op = [](auto& a) { return top_k(a[0], (a[0].shape()[1] + 2) / 3).value; },
             .reference =
                 [](auto& a) {
                   const i64 rows = a[0].shape()[0], cols = a[0].shape()[1], k = (cols + 2) / 3;
                   Tensor y = Tensor::empty({rows, k}, DType::f64);
                   for (i64 r = 0; r < rows; ++r) {
                     const double* from = a[0].value().template data<double>() + r * cols;
                     std::vector<double> row(from, from + cols);
                     std::sort(row.begin(), row.end(), std::greater<>());
                     std::copy_n(row.begin(), k, y.data<double>() + r * k);
                   }
                   return Variable(y);
                 },
             .errors = {{[] {
                           top_k(Variable(Tensor::zeros({2, 3})), 4);
                         },
                         "x is (2, 3) and k is 4; an axis of at least k elements is required"}},
             .sizes = {{0, 5}, {5, 0}, {1, 1}, {31, 33}, {33, 31}, {3, 1025}}});

Tensor floats_of(std::vector<float> values, const Shape& shape) {
  return Tensor::copy_of(values, shape);
}

// As in PyTorch, max over one axis gives the gradient to the element that it names, and amax
// divides it among equal elements.
TEST(Extremes, TiesShareOrNot) {
  const auto gradient = [](const auto& op) {
    const Variable x = Variable::leaf(floats_of({1, 3, 3, 3, 0, 2}, {2, 3}));
    sum(op(x)).backward();
    return x.grad().to_vector<float>();
  };
  EXPECT_EQ(gradient([](const Variable& x) { return max(x, 1).value; }),
            (std::vector<float>{0, 1, 0, 1, 0, 0}));
  EXPECT_EQ(gradient([](const Variable& x) { return amax(x, {1}); }),
            (std::vector<float>{0, 0.5F, 0.5F, 1, 0, 0}));
  EXPECT_EQ(gradient([](const Variable& x) {
              return amax(x, {0, 1}, false) * 3.0;
            }),
            (std::vector<float>{0, 1, 1, 1, 0, 0}));
  EXPECT_EQ(gradient([](const Variable& x) {
              return amin(x, {0, 1});
            }),
            (std::vector<float>{0, 0, 0, 0, 1, 0}));
}

TEST(Extremes, NaNIsBeyondAllOthers) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = floats_of({2, nan, 5, nan, 5}, {5});
  EXPECT_EQ(argmin(x, 0).item<i64>(), 1);
  EXPECT_TRUE(std::isnan(min(x, 0).item<float>()));
  EXPECT_TRUE(std::isnan(amax(x, {0}).item<float>()));
  EXPECT_EQ(top_k(x, 4).index.to_vector<i64>(), (std::vector<i64>{1, 3, 2, 4}));
  EXPECT_EQ(min(Variable(floats_of({3, -1, 7, -1}, {4})), 0).index.item<i64>(), 1);
}

// The mean is 10^6 times the deviations, so a difference of two means would have no digit left.
TEST(Var, KeepsItsDigitsBesideALargeMean) {
  const i64 n = 4096;
  Tensor x = Tensor::empty({n});
  std::vector<double> exact;
  for (i64 i = 0; i < n; ++i) {
    x.data<float>()[i] = 1e6F + static_cast<float>(i % 7) * 0.0625F;
    exact.push_back(static_cast<double>(x.data<float>()[i]));
  }
  const double wanted = variance(1)(exact);
  EXPECT_NEAR(var(x, {0}).item<double>() / wanted, 1.0, 1e-6);
}

}  // namespace
}  // namespace weft
