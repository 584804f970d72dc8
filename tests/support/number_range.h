// SPDX-License-Identifier: Apache-2.0
// Results that a float can hold come out right although a step on the way to them could leave the
// range or the digits of float, and a NaN that goes in comes out.
#pragma once
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/autograd/ops.h"

namespace weft::test_support {

inline Tensor on(const Device& device, const std::vector<float>& values,
                 const Shape& shape = {-1}) {
  const Tensor all = Tensor::copy_of(values, {static_cast<i64>(values.size())}).to(device);
  return all.reshape(shape);
}
// Within 2e-6 of what is wanted, which is relative.
inline void expect_values(const Tensor& got, const std::vector<double>& wanted, const char* what) {
  const auto values = got.to(Cpu{}).to_vector<float>();
  ASSERT_EQ(values.size(), wanted.size()) << what;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    EXPECT_NEAR(static_cast<double>(values[i]), wanted[i], 2e-6 * std::abs(wanted[i]) + 2e-45)
        << what;
}
inline Tensor gradient(const Variable& leaf, const Variable& result, const Tensor& seed) {
  result.backward(seed);
  return leaf.grad();
}

inline void expect_logits_of_any_size(const Device& device) {
  const Tensor labels = Tensor::zeros({1}, DType::int64, device);
  const double ln2 = std::log(2.0);
  for (const float offset : {0.0f, 1e8f, -1e8f, 1e30f}) {
    const Variable x = Variable::leaf(on(device, {offset, offset}, {1, 2}));
    const Variable loss = cross_entropy(x, labels);
    expect_values(loss.value(), {ln2}, "cross_entropy");
    loss.backward();
    expect_values(x.grad(), {-0.5, 0.5}, "cross_entropy's gradient");
    expect_values(cross_entropy(x, labels, 0.1).value(), {ln2}, "with smoothing");
    expect_values(
        cross_entropy(x, labels, {.label_smoothing = 0.1, .class_weights = on(device, {0.5f, 2})})
            .value(),
        {(0.9 * 0.5 + 0.05 * 2.5) / 0.5 * ln2}, "with class weights");
    const Variable y = Variable::leaf(on(device, {offset, offset}, {1, 2}));
    const Variable logs = log_softmax(y);
    expect_values(logs.value(), {-ln2, -ln2}, "log_softmax");
    expect_values(gradient(y, logs, on(device, {1, 0}, {1, 2})), {0.5, -0.5},
                  "log_softmax's gradient");
  }
}

inline void expect_quotients_in_range(const Device& device) {
  const Variable a = Variable::leaf(on(device, {1e-25f, 1e30f, 1e-30f})),
                 b = Variable::leaf(on(device, {1e-20f, 1e25f, 1e-39f}));
  const Variable c = a / b;
  const double tiny = static_cast<double>(1e-39f);
  c.backward(on(device, {1, 1, 1e-30f}));
  expect_values(a.grad(), {1e20, 1e-25, 1e-30 / tiny}, "div, a");
  expect_values(b.grad(), {-1e15, -1e-20, -1e-30 / tiny * (1e-30 / tiny)}, "div, b");
  const Variable x = Variable::leaf(on(device, {1e-20f}));
  const Variable y = x / tiny;
  expect_values(y.value(), {1e-20 / tiny}, "x / c");
  expect_values(gradient(x, y, on(device, {1e-20f})), {1e-20 / tiny}, "x / c, gradient");
  const Variable small = Variable::leaf(on(device, {1e-39f}));
  expect_values(gradient(small, log(small), on(device, {1e-10f})), {1e-10 / tiny}, "log");
  const Variable large = Variable::leaf(on(device, {2e38f}));
  expect_values(gradient(large, square(large), on(device, {1e-3f})), {4e35}, "square");
  // Each quotient is rounded once.
  expect_values(div(on(device, {5}), 3), {static_cast<double>(5.0f / 3.0f)}, "5 / 3");
}

inline void expect_means_in_range(const Device& device) {
  const Tensor x = on(device, {3e38f, 3e38f, 3e38f, 3e38f});
  expect_values(mean(x), {3e38}, "mean");
  expect_values(mean(x.reshape({2, 2}), 0), {3e38, 3e38}, "mean of axis 0");
  expect_values(global_avg_pool(x.reshape({1, 4, 1, 1})), {3e38}, "global_avg_pool");
  expect_values(avg_pool2d(x.reshape({1, 2, 2, 1})), {3e38}, "avg_pool2d");
  const Tensor zeros = Tensor::zeros({4}, DType::f32, device),
               ones = Tensor::full({4}, 1, DType::f32, device);
  expect_values(bce_with_logits(Variable(x), zeros).value(), {3e38}, "bce_with_logits");
  expect_values(bce_with_logits(Variable(x), ones).value(), {0}, "bce_with_logits, target 1");
  expect_values(l1(Variable(x), zeros).value(), {3e38}, "l1");
}

inline void expect_normalised_rows_of_any_size(const Device& device) {
  for (const float size : {1e-25f, 1.0f, 1e20f, 3e38f}) {
    const Variable x = Variable::leaf(on(device, {size, -size, size, -size}, {1, 4}));
    const Variable y = layer_norm(x, {}, {}, 0);
    expect_values(y.value(), {1, -1, 1, -1}, "layer_norm");
    if (size < 1e30f)
      expect_values(gradient(x, y, on(device, {1, 1, -1, -1}, {1, 4})),
                    {1 / static_cast<double>(size), 1 / static_cast<double>(size),
                     -1 / static_cast<double>(size), -1 / static_cast<double>(size)},
                    "layer_norm's gradient");
  }
}

inline void expect_small_exponentials(const Device& device) {
  const Tensor x = on(device, {-80, -90, -100, -103.5f, -110, 88.72f});
  std::vector<double> e, s, l;
  for (const float value : x.to(Cpu{}).to_vector<float>()) {
    const double v = static_cast<double>(value), sigmoid = 1 / (1 + std::exp(-v));
    e.push_back(std::exp(v)), s.push_back(sigmoid), l.push_back(v * sigmoid);
  }
  const auto expect = [](const Tensor& got, const std::vector<double>& wanted, const char* what) {
    const auto values = got.to(Cpu{}).to_vector<float>();
    for (std::size_t i = 0; i < wanted.size(); ++i)  // within a unit of the subnormals, too
      EXPECT_NEAR(static_cast<double>(values[i]), wanted[i],
                  1e-6 * std::abs(wanted[i]) + 1.5e-45 * (what[1] == 'i' ? 128 : 1))
          << what << ' ' << i;
  };
  expect(exp(x), e, "exp");
  expect(sigmoid(x), s, "sigmoid");
  expect(silu(x), l, "silu");
}

// Each op of one input (3, 4) whose result is NaN somewhere when the input is.
inline void expect_nan_to_stay(const Device& device) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = on(device, {1, 2, 3, 4, 5, kNaN, 7, 8, 9, 10, 11, 12}, {3, 4}),
               y = Tensor::full({3, 4}, 2, DType::f32, device);
  const Tensor labels = Tensor::zeros({3}, DType::int64, device),
               weight = Tensor::full({2, 4}, 1, DType::f32, device);
  const Tensor image = x.reshape({1, 3, 4, 1});
  std::vector<std::pair<std::string, Tensor>> results = {
      {"softmax", softmax(x)},
      {"log_softmax", log_softmax(x)},
      {"sum", sum(x)},
      {"mean", mean(x, 0)},
      {"max", max(x, 1)},
      {"min", min(x, 1)},
      {"amax", amax(x, {0, 1})},
      {"amin", amin(x, {0, 1})},
      {"var", var(x, {0})},
      {"top_k", top_k(x, 1).value},
      {"clamp", clamp(x, 0, 1)},
      {"pow", pow(x, 2)},
      {"concat", concat({y, x}, 1)},
      {"gather", gather(x, 1, on(device, {0, 1, 0}, {3, 1}).to(DType::int64))},
      {"matmul", matmul(x, on(device, {1, 1, 1, 1}, {4, 1}))},
      {"linear", linear(Variable(x), Variable(weight), {}).value()},
      {"linear with relu",
       linear(Variable(x), Variable(weight), {}, kernels::Activation::relu).value()},
      {"conv2d",
       conv2d(Variable(image), Variable(Tensor::full({1, 2, 2, 1}, 1, DType::f32, device)), {})
           .value()},
      {"max_pool2d", max_pool2d(image)},
      {"avg_pool2d", avg_pool2d(image)},
      {"global_avg_pool", global_avg_pool(image)},
      {"layer_norm", layer_norm(Variable(x), {}, {}).value()},
      {"batch_norm", batch_norm(Variable(x), {}, {}).y.value()},
      {"batch_norm with relu", batch_norm(Variable(x), {}, {}, {.relu = true}).y.value()},
      {"cross_entropy", cross_entropy(Variable(x), labels).value()},
      {"mse", mse(Variable(x), y).value()},
      {"l1", l1(Variable(x), y).value()},
      {"huber", huber(Variable(x), y).value()},
      {"bce_with_logits", bce_with_logits(Variable(x), y).value()},
      {"affine", affine(x, 2, 1)},
      {"div", div(x, 3.0)}};
#define WEFT_ADD(op, Op) results.emplace_back(#op, op(x));
  WEFT_UNARY_OPS(WEFT_ADD)
#undef WEFT_ADD
#define WEFT_ADD(op, Op)               \
  results.emplace_back(#op, op(x, y)); \
  results.emplace_back(#op " b", op(y, x));
  WEFT_BINARY_OPS(WEFT_ADD)
#undef WEFT_ADD
  for (const auto& [name, result] : results) {
    bool found = false;
    for (const float value : result.to(Cpu{}).to_vector<float>()) found |= std::isnan(value);
    EXPECT_TRUE(found) << name << " on " << name_of(device);
  }
  // Where the input is NaN, relu, maximum and minimum hand the gradient on.
  const Tensor one = Tensor::full({2}, 1, DType::f32, device);
  const Variable r = Variable::leaf(on(device, {kNaN, -1}));
  expect_values(gradient(r, relu(r), one), {1, 0}, "relu");
  const Variable a = Variable::leaf(on(device, {kNaN, 1})), b = Variable::leaf(on(device, {1, 1}));
  maximum(a, b).backward(one);
  minimum(a, b).backward(one);
  expect_values(a.grad(), {2, 1}, "maximum and minimum, a");
  expect_values(b.grad(), {2, 1}, "maximum and minimum, b");
}

}  // namespace weft::test_support
