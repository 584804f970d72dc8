// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "weft/device/parallel.h"
#include "weft/testing/testing.h"
#include "weft/tests/support/message_of.h"

namespace weft {
namespace {

using testing::matrix;

constexpr double kEps = 1e-5;

// (x − mean)/√(variance + eps)·gamma + beta + residual, composed of simple ops.
Variable composed(const Variable& x, const Variable& mean_of_x, const Variable& variance,
                  const Variable& gamma, const Variable& beta, const Variable& residual,
                  bool with_relu) {
  Variable y = (x - mean_of_x) / sqrt(variance + kEps);
  if (gamma.defined()) y = y * gamma;
  if (beta.defined()) y = y + beta;
  if (residual.defined()) y = y + residual;
  return with_relu ? relu(y) : y;
}

Variable as_rows(const Variable& x) {
  return reshape(x, Shape{x.shape().elements(0, x.shape().rank() - 1), x.shape()[-1]});
}

struct Case {
  const char* variant;
  bool affine = true, residual = false, relu = false;
};

bool add(const Case& c) {
  const auto gamma = [=](auto& a) { return c.affine ? a[1] : Variable(); };
  const auto beta = [=](auto& a) { return c.affine ? a[2] : Variable(); };
  const auto residual = [=](auto& a) { return c.residual ? a[c.affine ? 3 : 1] : Variable(); };
  const BatchNormOptions options{.eps = kEps, .relu = c.relu};
  testing::OpRow row{.variant = c.variant};
  // With two rows x̂ is ±1 and the gradient is only rounding, so larger sizes are checked too.
  row.sizes = {{2, 3}, {7, 9}, {31, 33}};
  row.gradcheck_sizes = {{2, 3}, {5, 4}};
  row.inputs = {testing::image(2, 5)};
  if (c.affine) row.inputs.insert(row.inputs.end(), {testing::row_of(0), testing::row_of(0)});
  if (c.residual) row.inputs.push_back(testing::like(0));
  row.op = [=](auto& a) { return batch_norm(a[0], gamma(a), beta(a), options, residual(a)).y; };
  row.reference = [=](auto& a) {
    const Variable x = as_rows(a[0]);
    const Variable centre = mean(x, 0);
    return reshape(composed(x, centre, mean(square(x - centre), 0), gamma(a), beta(a),
                            c.residual ? as_rows(residual(a)) : Variable(), c.relu),
                   a[0].shape());
  };
  testing::add_op_row("batch_norm", row, __FILE__, __LINE__);

  testing::OpRow eval = row;
  eval.sizes.push_back({0, 4});
  const Tensor running_mean = Tensor::copy_of<double>({0.5, -1, 0, 2, 0.25}, {5});
  const Tensor running_var = Tensor::copy_of<double>({0.5, 1, 4, 2, 0.25}, {5});
  eval.op = [=](auto& a) {
    const auto like_x = [&](const Tensor& t) { return t.to(a[0].dtype()).to(a[0].device()); };
    return batch_norm_eval(a[0], gamma(a), beta(a), like_x(running_mean), like_x(running_var),
                           options, residual(a));
  };
  eval.reference = [=](auto& a) {
    return composed(a[0], running_mean, running_var, gamma(a), beta(a), residual(a), c.relu);
  };
  return testing::add_op_row("batch_norm_eval", eval, __FILE__, __LINE__);
}

[[maybe_unused]] const bool added =
    add({.variant = "plain"}) && add({.variant = "no_affine", .affine = false}) &&
    add({.variant = "relu", .relu = true}) && add({.variant = "residual", .residual = true}) &&
    add({.variant = "residual_relu", .residual = true, .relu = true}) &&
    add({.variant = "no_affine_residual_relu", .affine = false, .residual = true, .relu = true});

WEFT_OP_ROW(
    batch_norm,
    {.variant = "rows",
     .inputs = {matrix, testing::row_of(0), testing::row_of(0)},
     .op = [](auto& a) { return batch_norm(a[0], a[1], a[2]).y; },
     .reference =
         [](auto& a) {
           const Variable centre = mean(a[0], 0);
           return composed(a[0], centre, mean(square(a[0] - centre), 0), a[1], a[2], Variable(),
                           false);
         },
     .errors =
         {{[] {
             batch_norm(Tensor::zeros({1, 5}), Variable(), Variable());
           },
           "x is (1, 5), 1 values per channel; at least 2 are required"},
          {[] {
             batch_norm(Tensor::zeros({0, 5}), Variable(), Variable());
           },
           "x is (0, 5), 0 values per channel; at least 2 are required"},
          {[] { batch_norm(Tensor::zeros({5}), Variable(), Variable()); },
           "x is (5); (…, channels) with at least two axes is required"},
          {[] {
             batch_norm(Tensor::zeros({4, 5}), Tensor::zeros({4}), Variable());
           },
           "x is (4, 5) and gamma is (4); gamma must be (5)"},
          {[] {
             batch_norm(Tensor::zeros({4, 5}), Variable(), Tensor::zeros({4}));
           },
           "x is (4, 5) and beta is (4); beta must be (5)"},
          {[] {
             batch_norm(Tensor::zeros({4, 5}), Variable(), Variable(), {}, Tensor::zeros({5}));
           },
           "x is (4, 5) and the residual is (5); the same shape is required"}},
     .sizes = {{9, 1}, {31, 33}, {1025, 33}, {9, 1025}},
     .gradcheck_sizes = {{3, 4}, {2, 33}}});

Tensor far_from_zero(i64 rows, i64 channels, double mean) {
  std::mt19937_64 engine(3);
  std::normal_distribution<double> normal(mean, 1.0);
  Tensor x = Tensor::empty({rows, channels});
  for (float& value : x.values<float>()) value = static_cast<float>(normal(engine));
  return x;
}

TEST(BatchNorm, KeepsItsDigitsWhenTheMeanIsLarge) {
  Tensor x = far_from_zero(3000, 7, 1e4);
  x.slice(0, 1).fill(0.0);  // the first row is far from all others
  const BatchStatistics actual = batch_statistics(x, kEps),
                        expected = batch_statistics(x.to(DType::f64), kEps);
  EXPECT_EQ(testing::difference(actual.mean, mean(x.to(DType::f64), 0).reshape({7}), 1e-12), "");
  EXPECT_EQ(testing::difference(actual.variance, expected.variance, 1e-9), "");
  const Tensor y = batch_norm(x, actual, Tensor(), Tensor(), Tensor(), false);
  EXPECT_EQ(
      testing::difference(
          y, batch_norm(x.to(DType::f64), expected, Tensor(), Tensor(), Tensor(), false), 2e-6),
      "");
}

// The modules refuse such an eps too, and 0.
TEST(BatchNorm, RefusesAnEpsThatIsNegativeOrTooSmall) {
  const Variable x(Tensor::full({4, 2}, 1));
  const Tensor statistics = Tensor::full({2}, 1);
  for (const double eps : {-1.0, 1e-50, static_cast<double>(NAN)}) {
    const std::string wanted =
        fmt::format("eps is {}; 0 or a number from 1.1754944e-38 to 3.402823e+38 is required", eps);
    const auto refusal = [](const auto& call) { return test_support::message_of(call); };
    EXPECT_EQ(refusal([&] { batch_norm(x, {}, {}, {.eps = eps}); }), "batch_norm: " + wanted);
    EXPECT_EQ(refusal([&] { batch_norm_eval(x, {}, {}, statistics, statistics, {.eps = eps}); }),
              "batch_norm: " + wanted);
    EXPECT_EQ(refusal([&] { layer_norm(x, {}, {}, eps); }), "layer_norm: " + wanted);
  }
}

TEST(BatchNorm, VarianceForTheRunningOneDividesByRowsMinusOne) {
  const Tensor x = Tensor::copy_of<double>({1, 2, 3, 6}, {4, 1});
  const BatchNormResult result = batch_norm(x, Variable(), Variable(), {.eps = 0});
  EXPECT_DOUBLE_EQ(result.mean.item<double>(), 3.0);
  EXPECT_DOUBLE_EQ(result.variance.item<double>(), 14.0 / 3);
  EXPECT_DOUBLE_EQ(result.y.value().to_vector<double>()[3], 3.0 / std::sqrt(14.0 / 4));
}

TEST(BatchNorm, StatisticsDoNotDependOnTheThreads) {
  const testing::MachineState restore;
  const Tensor x = far_from_zero(5000, 33, 2.0);
  set_threads(1);
  const BatchStatistics alone = batch_statistics(x, kEps);
  set_threads(testing::most_threads());
  const BatchStatistics together = batch_statistics(x, kEps);
  EXPECT_EQ(testing::difference_in_bytes(alone.mean, together.mean), "");
  EXPECT_EQ(testing::difference_in_bytes(alone.variance, together.variance), "");
}

TEST(CommitRunningStats, MovesByTheMomentumUnlessSkipped) {
  Tensor running_mean = Tensor::copy_of<float>({1, 2}, {2}),
         running_var = Tensor::copy_of<float>({4, 8}, {2});
  const Tensor mean = Tensor::copy_of<double>({3, 2}, {2}),
               var = Tensor::copy_of<double>({4, 18}, {2});
  const bool skip = true, go = false;
  commit_running_stats(running_mean, running_var, mean, var, 0.5, &skip);
  EXPECT_EQ(running_mean.to_vector<float>(), (std::vector<float>{1, 2}));
  commit_running_stats(running_mean, running_var, mean, var, 0.5, &go);
  EXPECT_EQ(running_mean.to_vector<float>(), (std::vector<float>{2, 2}));
  EXPECT_EQ(running_var.to_vector<float>(), (std::vector<float>{4, 13}));
  commit_running_stats(running_mean, running_var, mean, var, 0.5);
  EXPECT_EQ(running_mean.to_vector<float>(), (std::vector<float>{2.5f, 2}));
}

}  // namespace
}  // namespace weft
