// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <gtest/gtest.h>

#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::like;
using testing::matrix;

// Applies f to each prediction with its target, and reduces the results.
template <class F>
auto by_definition(F f, Reduction reduction) {
  return [=](const testing::Variables& a) {
    Tensor each = a[0].value().clone();
    double sum = 0;
    for (i64 i = 0; i < each.elements(); ++i) {
      double& x = each.data<double>()[i];
      x = f(x, a[1].value().data<double>()[i]);
      sum += x;
    }
    if (reduction == Reduction::none) return Variable(each);
    const double n = reduction == Reduction::mean ? static_cast<double>(each.elements()) : 1.0;
    return Variable(Tensor::full({}, sum / n, DType::f64));
  };
}
Tensor probability(const testing::Draw& draw) { return draw.uniform(draw.before[0].shape(), 0, 1); }
Tensor zeros(const Shape& shape) { return Tensor::zeros(shape); }
const std::vector<testing::Size> kFilled = {{1, 1}, {31, 33}, {33, 31}, {1025, 33}, {3, 1025}};

template <class Op, class F>
bool add_rows(const char* op, const Op& function, F f, const testing::Input& target) {
  const std::tuple<const char*, Reduction, std::vector<testing::Size>> cases[] = {
      {"", Reduction::mean, kFilled},
      {"sum", Reduction::sum, {{0, 5}, {31, 33}}},
      {"none", Reduction::none, {{0, 5}, {31, 33}, {1025, 33}}}};
  for (const auto& [variant, reduction, sizes] : cases) {
    const auto call = [function, r = reduction](const testing::Variables& a) {
      return function(a[0], a[1], r);
    };
    testing::OpRow row{.variant = variant,
                       .inputs = {matrix, target},
                       .op = call,
                       .reference = by_definition(f, reduction),
                       .sizes = sizes};
    if (reduction == Reduction::mean)
      row.errors = {{[=] {
                       function(Variable(zeros({2, 3})), zeros({3}), Reduction::mean);
                     },
                     "x is (2, 3) and target (3); the shapes must be equal"},
                    {[=] { function(Variable(zeros({0})), zeros({0}), Reduction::mean); },
                     "at least one element is required for a mean"}};
    testing::add_op_row(op, row, __FILE__, __LINE__);
  }
  return true;
}

[[maybe_unused]] const bool added =
    add_rows(
        "mse", [](const Variable& x, const Variable& t, Reduction r) { return mse(x, t, r); },
        [](double x, double t) { return (x - t) * (x - t); }, like(0)) &&
    add_rows(
        "l1", [](const Variable& x, const Variable& t, Reduction r) { return l1(x, t, r); },
        [](double x, double t) { return std::abs(x - t); }, like(0)) &&
    add_rows(
        "huber",
        [](const Variable& x, const Variable& t, Reduction r) { return huber(x, t, 0.7, r); },
        [](double x, double t) {
          const double e = std::abs(x - t);
          return e <= 0.7 ? 0.5 * e * e : 0.7 * (e - 0.35);
        },
        like(0)) &&
    add_rows(
        "bce_with_logits",
        [](const Variable& x, const Variable& t, Reduction r) { return bce_with_logits(x, t, r); },
        [](double x, double t) {
          // softplus(x) − x·t, without overflow
          return (x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x))) - x * t;
        },
        probability);

WEFT_OP_ROW(huber,
            {.variant = "alone",
             .inputs = {matrix},
             .op =
                 [](auto& a) {
                   return huber(a[0], Tensor::zeros(a[0].shape(), a[0].dtype(), a[0].device()));
                 },
             .reference =
                 [](auto& a) { return mean((square(a[0]) - square(relu(abs(a[0]) - 1.0))) * 0.5); },
             .errors = {{[] { huber(Variable(zeros({2})), zeros({2}), 0.0); },
                         "delta is 0; it must be positive"}},
             .sizes = {{31, 33}}});

// A target that is a tensor is a constant.
TEST(PointwiseLoss, ATensorIsATarget) {
  const Variable x = Variable::leaf(Tensor::full({2}, 3.0));
  mse(x, Tensor::full({2}, 1.0)).backward();
  EXPECT_EQ(x.grad().to_vector<float>(), (std::vector<float>{2, 2}));
}

}  // namespace
}  // namespace weft
