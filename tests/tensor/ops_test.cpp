// SPDX-License-Identifier: Apache-2.0
// Tests of what the op rows do not cover: out-forms, aliasing, transposes and integer results.
#include "weft/tensor/ops.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::difference_in_bytes;

Tensor normal(const Shape& shape, u64 seed = 1) {
  std::mt19937_64 engine(seed);
  return testing::Draw{{}, {}, engine}.normal(shape);
}
Tensor ints(std::vector<i64> values) {
  return Tensor::copy_of(values, {static_cast<i64>(values.size())});
}

#define WEFT_TEST(op, Op)                                  \
  TEST(Aliasing, op) {                                     \
    const Tensor x = exp(normal({5, 33}));                 \
    const Tensor expected = op(x);                         \
    Tensor both = x.clone();                               \
    op(both, both);                                        \
    EXPECT_EQ(difference_in_bytes(both, expected), "");    \
    EXPECT_THROW(op(both, x.reshape({33, 5})), UserError); \
  }
WEFT_UNARY_OPS(WEFT_TEST)
#undef WEFT_TEST
#define WEFT_TEST(op, Op)                                               \
  TEST(Aliasing, op) {                                                  \
    const Tensor a = exp(normal({5, 33})), b = exp(normal({5, 33}, 2)), \
                 row = exp(normal({33}, 3));                            \
    Tensor left = a.clone(), right = b.clone(), beside = a.clone();     \
    op(left, left, b);                                                  \
    EXPECT_EQ(difference_in_bytes(left, op(a, b)), "");                 \
    op(right, a, right);                                                \
    EXPECT_EQ(difference_in_bytes(right, op(a, b)), "");                \
    op(beside, beside, row);                                            \
    EXPECT_EQ(difference_in_bytes(beside, op(a, row)), "");             \
    EXPECT_THROW(op(left, a, row.slice(0, 32)), UserError);             \
  }
WEFT_BINARY_OPS(WEFT_TEST)
#undef WEFT_TEST

TEST(Aliasing, SoftmaxAndItsGradientInPlace) {
  const Tensor x = normal({5, 33}), dy = normal({5, 33}, 2), y = softmax(x);
  Tensor in_place = x.clone(), dx = Tensor::empty_like(x), d_in_place = dy.clone();
  softmax(in_place, in_place);
  EXPECT_EQ(difference_in_bytes(in_place, y), "");
  softmax_backward(dx, dy, y);
  softmax_backward(d_in_place, d_in_place, y);
  EXPECT_EQ(difference_in_bytes(d_in_place, dx), "");
}

TEST(Matmul, AllTransposesOnAllBackEnds) {
  const testing::MachineState restore;
  for (const i64 m : {1, 7, 64})
    for (const i64 k : {1, 33})
      for (const i64 n : {1, 10, 65}) {
        const Tensor a = normal({2, m, k}), b = normal({2, k, n}, 2);
        const Tensor at = Tensor::empty({2, k, m}, DType::f64),
                     bt = Tensor::empty({2, n, k}, DType::f64);
        const int swap[] = {0, 2, 1};
        Tensor a_swapped = at, b_swapped = bt;
        permute(a_swapped, a, swap);
        permute(b_swapped, b, swap);
        const Tensor c = matmul(a, b);
        EXPECT_EQ(testing::difference(matmul(transposed(at), b), c, 1e-12), "");
        EXPECT_EQ(testing::difference(matmul(MatmulInput(a), transposed(bt)), c, 1e-12), "");
        EXPECT_EQ(testing::difference(matmul(transposed(at), transposed(bt)), c, 1e-12), "");
        for (const kernels::CpuBackend backend : testing::backends()) {
          kernels::set_cpu_backend(backend);
          const auto f = [](const Tensor& x) { return x.to(DType::f32); };
          const Tensor fa = f(a), fb = f(b), fat = f(at), fbt = f(bt);
          EXPECT_EQ(testing::difference(matmul(fa, fb), c, 1e-5), "") << name_of(backend);
          EXPECT_EQ(testing::difference(matmul(transposed(fat), fb), c, 1e-5), "")
              << name_of(backend);
          EXPECT_EQ(testing::difference(matmul(MatmulInput(fa), transposed(fbt)), c, 1e-5), "")
              << name_of(backend);
          EXPECT_EQ(testing::difference(matmul(transposed(fat), transposed(fbt)), c, 1e-5), "")
              << name_of(backend);
        }
      }
}

TEST(Matmul, AnEmptyInnerAxisGivesZeros) {
  const testing::Poison poison;
  for (const float value : matmul(Tensor::zeros({2, 0}), Tensor::zeros({0, 3})).to_vector<float>())
    EXPECT_EQ(value, 0.0f);
}

// A NaN weight must show in the loss, also through a relu.
TEST(FusedActivation, KeepsNaN) {
  const testing::MachineState restore;
  for (const auto backend : testing::backends()) {
    kernels::set_cpu_backend(backend);
    for (const auto activation : {kernels::Activation::relu, kernels::Activation::gelu,
                                  kernels::Activation::silu, kernels::Activation::tanh}) {
      const Tensor w = Tensor::full({8, 8}, std::nan("")), image = Tensor::full({1, 4, 4, 8}, 1);
      for (const float y : linear(Tensor::full({4, 8}, 1), w, {}, activation).to_vector<float>())
        EXPECT_TRUE(std::isnan(y)) << name_of(backend) << ' ' << static_cast<int>(activation);
      for (const float y : conv2d(image, w.reshape({8, 1, 1, 8}), {}, {.activation = activation})
                               .to_vector<float>())
        EXPECT_TRUE(std::isnan(y)) << name_of(backend) << ' ' << static_cast<int>(activation);
    }
  }
}

TEST(Matmul, AnUnknownBackEndIsRefusedWhereItIsMissing) {
  if (testing::backends().size() == 2) GTEST_SKIP() << "this build has both";
  EXPECT_THROW(kernels::set_cpu_backend(kernels::CpuBackend::onednn), UserError);
}

TEST(SumTo, SumsOverWhateverWasBroadcast) {
  const Tensor x = normal({3, 4, 5, 6});
  for (const Shape& shape :
       {Shape{}, Shape{6}, Shape{1}, Shape{5, 1}, Shape{4, 1, 6}, Shape{3, 1, 1, 6},
        Shape{1, 4, 5, 1}, Shape{3, 4, 5, 6}, Shape{3, 1, 5, 1}}) {
    Tensor y = Tensor::empty(shape, DType::f64), expected = Tensor::zeros(shape, DType::f64);
    sum_to(y, x);
    // Each element of x is added where broadcasting would have read it.
    for (i64 i = 0; i < x.elements(); ++i) {
      i64 rest = i, at = 0, stride = 1;
      for (int axis = -1; axis >= -4; --axis) {
        const i64 index = rest % x.size(axis);
        rest /= x.size(axis);
        if (axis < -shape.rank()) continue;
        if (shape[axis] > 1) at += index * stride;
        stride *= shape[axis];
      }
      expected.data<double>()[at] += x.data<double>()[i];
    }
    EXPECT_EQ(testing::difference(y, expected, 1e-13), "") << shape.to_string();
  }
  Tensor wrong = Tensor::zeros({5}, DType::f64);
  EXPECT_THROW(sum_to(wrong, x), UserError);
}

TEST(Max, FindsTheFirstLargestAlongAnyAxis) {
  const Tensor x = Tensor::copy_of<float>(std::vector<float>{1, 5, 5, 7, -2, 7}, {2, 3});
  EXPECT_EQ(max(x, 1).to_vector<float>(), (std::vector<float>{5, 7}));
  EXPECT_EQ(argmax(x, 1).to_vector<i64>(), (std::vector<i64>{1, 0}));
  EXPECT_EQ(max(x, 0).to_vector<float>(), (std::vector<float>{7, 5, 7}));
  EXPECT_EQ(argmax(x, -2).to_vector<i64>(), (std::vector<i64>{1, 0, 1}));
  EXPECT_EQ(max(x, 1).shape(), (Shape{2, 1}));
  EXPECT_THROW(max(Tensor::zeros({2, 0}), 1), UserError);
}

TEST(Max, NaNWins) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = Tensor::copy_of<float>(std::vector<float>{1, nan, 9, nan}, {4});
  EXPECT_TRUE(std::isnan(max(x, 0).item<float>()));
  EXPECT_EQ(argmax(x, 0).item<i64>(), 1);
}

TEST(CountTopK, CountsLabelsAmongTheLargest) {
  const Tensor scores =
      Tensor::copy_of<float>(std::vector<float>{3, 2, 1, 1, 3, 2, 5, 5, 5}, {3, 3});
  const auto count = [&](std::vector<i64> labels, i64 k) {
    Tensor total = Tensor::zeros({}, DType::int64);
    count_top_k(total, scores, ints(std::move(labels)), k);
    return total.item<i64>();
  };
  EXPECT_EQ(count({0, 1, 0}, 1), 3);
  EXPECT_EQ(count({0, 1, 1}, 1), 2);  // among equal values the first is taken
  EXPECT_EQ(count({1, 2, 1}, 1), 0);
  EXPECT_EQ(count({1, 2, 1}, 2), 3);
  EXPECT_EQ(count({2, 0, 2}, 2), 0);
  EXPECT_EQ(count({2, 0, 2}, 3), 3);
}

TEST(CountTopK, AddsToTheCountAndAgreesWithArgmaxOnManyRows) {
  const Tensor scores = normal({5000, 7}).to(DType::f32), labels = [] {
    std::mt19937_64 engine(4);
    return testing::Draw{{}, {}, engine}.integers({5000}, 7);
  }();
  Tensor count = Tensor::full({}, 100, DType::int64);
  count_top_k(count, scores, labels, 1);
  i64 expected = 100;
  const Tensor best = argmax(scores, 1);
  for (i64 i = 0; i < 5000; ++i) expected += best.data<i64>()[i] == labels.data<i64>()[i] ? 1 : 0;
  EXPECT_EQ(count.item<i64>(), expected);
}

TEST(CountTopK, NaNNeverCountsAndInputsAreChecked) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Tensor count = Tensor::zeros({}, DType::int64);
  count_top_k(count, Tensor::full({2, 3}, nan), ints({0, 1}), 3);
  EXPECT_EQ(count.item<i64>(), 0);
  EXPECT_THROW(count_top_k(count, Tensor::zeros({2, 3}), ints({0}), 1), UserError);
  EXPECT_THROW(count_top_k(count, Tensor::zeros({2, 3}), ints({0, 1}), 0), UserError);
}

}  // namespace
}  // namespace weft
