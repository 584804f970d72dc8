// SPDX-License-Identifier: Apache-2.0
// Products in half types are as close to f32 as the type allows. Ops outside stay in f32, and
// weights are converted once.
#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include "weft/autograd/autocast.h"
#include "weft/autograd/ops.h"
#include "weft/tensor/random.h"

namespace weft {
namespace {

using Product = std::function<Variable(const Variable& x, const Variable& w, const Variable& b)>;

struct Case {
  const char* name;
  Shape x, w;
  i64 outputs;
  Product op;
};

Product linear_and(kernels::Activation activation) {
  return [=](const Variable& x, const Variable& w, const Variable& b) {
    return linear(x, w, b, activation);
  };
}
Product conv2d_with(const Conv2dOptions& options) {
  return [=](const Variable& x, const Variable& w, const Variable& b) {
    return conv2d(x, w, b, options);
  };
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"linear", {9, 33}, {17, 33}, 17, linear_and(kernels::Activation::none)},
      {"linear and relu", {9, 33}, {17, 33}, 17, linear_and(kernels::Activation::relu)},
      {"linear and gelu", {9, 33}, {17, 33}, 17, linear_and(kernels::Activation::gelu)},
      {"matmul",
       {9, 33},
       {33, 17},
       17,
       [](const Variable& x, const Variable& w, const Variable& b) { return matmul(x, w) + b; }},
      {"conv2d", {2, 7, 6, 8}, {17, 3, 3, 8}, 17, conv2d_with({.padding = 1})},
      {"strided conv2d in groups",
       {2, 7, 6, 8},
       {34, 3, 3, 4},
       34,
       conv2d_with({.stride = 2, .padding = 1, .groups = 2})},
  };
  return all;
}

struct Outcome {
  Tensor y, dx, dw, db;
};

Tensor drawn(const Shape& shape, u64 seed, double std) {
  Tensor numbers = Tensor::empty(shape);
  Generator(seed).normal(numbers, 0, std);
  return numbers;
}

Outcome run(const Case& one, DType dtype) {
  const Variable x = Variable::leaf(drawn(one.x, 1, 1)), w = Variable::leaf(drawn(one.w, 2, 0.2)),
                 b = Variable::leaf(drawn({one.outputs}, 3, 1));
  WeightCasts casts;
  Variable y;
  {
    const Autocast scope(dtype, casts);
    y = one.op(x, w, b);
  }
  y.backward(drawn(y.shape(), 4, 1));
  return {y.value(), x.grad(), w.grad(), b.grad()};
}

double distance(const Tensor& a, const Tensor& b) {
  const auto left = a.to_vector<float>(), right = b.to_vector<float>();
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    difference += std::pow(static_cast<double>(left[i]) - static_cast<double>(right[i]), 2);
    norm += std::pow(static_cast<double>(right[i]), 2);
  }
  return std::sqrt(difference / norm);
}

// Each factor is off by at most half a unit in the last place, and these errors average out.
TEST(Autocast, products_are_those_of_f32_to_the_digits_of_the_type) {
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.name);
    const Outcome exact = run(one, DType::f32);
    for (const auto& [dtype, unit] : {std::pair{DType::bf16, 0x1p-8}, {DType::f16, 0x1p-11}}) {
      SCOPED_TRACE(name_of(dtype));
      const Outcome rounded = run(one, dtype);
      for (const auto& [what, got, wanted] : {std::tuple{"y", rounded.y, exact.y},
                                              {"dx", rounded.dx, exact.dx},
                                              {"dw", rounded.dw, exact.dw},
                                              {"db", rounded.db, exact.db}}) {
        EXPECT_EQ(got.dtype(), DType::f32) << what;
        // Rounding may move an input of relu across 0, which changes its slope and makes a larger
        // error.
        EXPECT_LT(distance(got, wanted), 12 * unit) << what;
      }
      EXPECT_GT(distance(rounded.y, exact.y), unit / 16) << "nothing was rounded";
    }
  }
}

// The reference is the same product in f32, of inputs that were rounded to the type.
TEST(Autocast, sums_in_float) {
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.name);
    for (const DType dtype : {DType::bf16, DType::f16}) {
      const Tensor x = drawn(one.x, 1, 1), w = drawn(one.w, 2, 0.2), b = drawn({one.outputs}, 3, 1);
      WeightCasts casts;
      const NoGrad no_grad;
      const Tensor wanted = one.op(Variable(x.to(dtype).to(DType::f32)),
                                   Variable(w.to(dtype).to(DType::f32)), Variable(b))
                                .value();
      const Autocast scope(dtype, casts);
      EXPECT_LT(distance(one.op(Variable(x), Variable(w), Variable(b)).value(), wanted), 1e-6);
    }
  }
}

TEST(Autocast, leaves_everything_else_as_it_is) {
  const Variable x(drawn({4, 6}, 1, 1));
  const Tensor wanted = softmax(x).value();
  WeightCasts casts;
  const Autocast scope(DType::bf16, casts);
  EXPECT_EQ(softmax(x).value().to_vector<float>(), wanted.to_vector<float>());
  EXPECT_EQ(relu(x).dtype(), DType::f32);
  const Variable exact(x.value().to(DType::f64));
  EXPECT_EQ(matmul(exact, exact.value().reshape({6, 4})).dtype(), DType::f64);
}

TEST(Autocast, f32_is_off_and_scopes_nest) {
  const Case& one = cases().front();
  const Tensor x = drawn(one.x, 1, 1), w = drawn(one.w, 2, 0.2);
  const NoGrad no_grad;
  const auto product = [&] {
    return linear(Variable(x), Variable(w), Variable()).value().to_vector<float>();
  };
  const auto plain = product();
  WeightCasts casts;
  const Autocast outer(DType::bf16, casts);
  const auto rounded = product();
  EXPECT_NE(rounded, plain);
  {
    const Autocast inner(DType::f32, casts);
    EXPECT_EQ(product(), plain);
  }
  EXPECT_EQ(product(), rounded);
  EXPECT_THROW(Autocast(DType::int64, casts), UserError);
}

TEST(WeightCasts, copies_a_weight_once_until_it_is_cleared) {
  const Variable w = Variable::leaf(drawn({5, 3}, 2, 1)), other = Variable::leaf(drawn({2}, 3, 1));
  WeightCasts casts;
  const Tensor first = casts.of(w.leaf_state(), DType::bf16);
  casts.of(other.leaf_state(), DType::bf16);
  EXPECT_TRUE(casts.of(w.leaf_state(), DType::bf16).shares_storage_with(first));
  w.value().fill(3);
  EXPECT_TRUE(casts.of(w.leaf_state(), DType::bf16).shares_storage_with(first));
  casts.clear();
  const Tensor second = casts.of(w.leaf_state(), DType::bf16);
  EXPECT_FALSE(second.shares_storage_with(first)) << "a graph may still hold the old one";
  EXPECT_EQ(second.to(DType::f32).to_vector<float>(), std::vector<float>(15, 3.0F));
  EXPECT_EQ(casts.of(w.leaf_state(), DType::f16).dtype(), DType::f16);
}

}  // namespace
}  // namespace weft
