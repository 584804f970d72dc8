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
  const Variable p = Variable::leaf(on(device, {1e38f, 1e-30f})),
                 q = Variable::leaf(on(device, {1e20f, 1e-20f}));
  (p / q).backward(on(device, {1e-30f, 1e20f}));
  expect_values(q.grad(), {-1e-32, -1e30}, "div, b, of factors that leave the range");
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

inline void expect_losses_in_range(const Device& device) {
  const auto check = [&](const char* what, const auto& loss, const std::vector<float>& x,
                         const std::vector<float>& t, double value, double dloss,
                         const std::vector<double>& slopes) {
    const Variable X = Variable::leaf(on(device, x)), T = Variable::leaf(on(device, t));
    const Variable result = loss(X, T);
    if (value >= 0) expect_values(result.value(), {value}, what);
    result.backward(Tensor::full({}, dloss, DType::f32, device));
    expect_values(X.grad(), slopes, what);
  };
  const auto mse_mean = [](const Variable& x, const Variable& t) { return mse(x, t); };
  const auto l1_mean = [](const Variable& x, const Variable& t) { return l1(x, t); };
  const auto l1_sum = [](const Variable& x, const Variable& t) { return l1(x, t, Reduction::sum); };
  const auto huber_mean = [](const Variable& x, const Variable& t) { return huber(x, t, 1e-5); };
  const std::vector<float> zeros(4, 0.0f);
  check("mse", mse_mean, {2e38f, 0}, {0, 0}, -1, 1, {2e38, 0});
  check("mse, small dloss", mse_mean, {2e38f, 0}, {0, 0}, -1, 1e-10, {2e28, 0});
  check("mse, a square out of range", mse_mean, {3e19f, 0, 0, 0}, zeros, 2.25e38, 1,
        {1.5e19, 0, 0, 0});
  check("l1", l1_mean, {3e38f, 0, 0, 0}, {-3e38f, 0, 0, 0}, 1.5e38, 1, {0.25, 0, 0, 0});
  check("l1, sum", l1_sum, {3e38f, 1, 0, 0}, {3e38f, 1, 0, 2e38f}, 2e38, 1, {0, 0, 0, -1});
  const double delta = static_cast<double>(1e-5f);
  check("huber", huber_mean, {3e38f}, {-3e38f}, 6e38 * delta, 1, {delta});
  std::vector<float> one_of_many(1000, 0.0f);
  one_of_many[0] = 1e20f;
  expect_values(
      mse(Variable(on(device, one_of_many)), Variable(on(device, std::vector<float>(1000))))
          .value(),
      {1e37}, "mse of one large error");
  const Variable t = Variable::leaf(on(device, std::vector<float>(1000, 0.5f)));
  bce_with_logits(Variable(on(device, std::vector<float>(1000, 1e30f))), t)
      .backward(Tensor::full({}, 1e10, DType::f32, device));
  expect_values(t.grad(), std::vector<double>(1000, -1e37), "bce_with_logits, target");
}

inline void expect_powers_in_range(const Device& device) {
  const Variable x = Variable::leaf(on(device, {1e20f, 1e20f, -1e20f, 2, 0}));
  expect_values(gradient(x, pow(x, 3), on(device, {1e-30f, 0, 1e-30f, 1, 1})),
                {3e10, 0, 3e10, 12, 0}, "pow 3");
  const Variable y = Variable::leaf(on(device, {1e-20f, 4}));
  expect_values(gradient(y, pow(y, -1), on(device, {1e-30f, 1})), {-1e10, -1.0 / 16}, "pow -1");
  expect_values(pow(on(device, {-1, 1}), 16777217), {-1, 1}, "pow of an odd exponent");
  expect_values(pow(on(device, {1e30f, 1e-30f}), 1.0 / 3), {1e10, 1e-10}, "cube root");
}

inline void expect_variances_in_range(const Device& device) {
  std::vector<float> values(10'001, 0.0f);
  values[0] = 1e20f;
  const Tensor x = on(device, values);
  expect_values(var(x, {0}), {1e40 / 10'001}, "var");
  expect_values(
      var(x.reshape({1, 73, 137}), {0, 2}, {.correction = 0, .keepdim = false}).slice(0, 1),
      {1e40 / 137 * (136.0 / 137)}, "var of two axes");
}

// Sums over axes that are not neighbours are rounded once.
inline void expect_sums_of_several_axes(const Device& device) {
  const Tensor large = on(device, {3e38f, 3e38f, 1, 1, -3e38f, -3e38f, 2, 2}, {2, 2, 2}),
               digits = on(device, {1e8f, 1, 1, 1, -1e8f, 1, 1, 1}, {2, 2, 2});
  expect_values(sum(large, {0, 2}), {0, 6}, "sum");
  expect_values(sum(digits, {0, 2}), {2, 4}, "sum, digits");
  expect_values(mean(large, {0, 2}), {0, 1.5}, "mean of two axes");
  const Variable b = Variable::leaf(on(device, {0, 0}, {1, 2, 1}));
  expect_values(gradient(b, add(b, Variable(large)), large).reshape({2}), {0, 6},
                "gradient of a broadcast input");
}

// With the labels 0.
inline void expect_class_losses_in_range(const Device& device) {
  const auto labels = [&](i64 rows) { return Tensor::zeros({rows}, DType::int64, device); };
  const auto pairs = [&](i64 rows, float first, float second) {
    std::vector<float> values;
    for (i64 r = 0; r < rows; ++r) values.insert(values.end(), {first, second});
    return Variable::leaf(on(device, values, {rows, 2}));
  };
  std::vector<float> ten(10, -1e38f);
  ten[0] = 0;
  const Variable x = Variable(on(device, ten, {1, 10}));
  expect_values(cross_entropy(x, labels(1), 0.1).value(), {9e36}, "smoothing");
  std::vector<float> target(10, 0.01f);
  target[0] = 0.91f;
  expect_values(cross_entropy(x, Variable(on(device, target, {1, 10}))).value(), {9e36}, "soft");
  const Variable wide = pairs(4, 3e38f, -3e38f);
  expect_values(
      cross_entropy(wide, Tensor::copy_of(std::vector<i64>{1, 0, 0, 0}, {4}).to(device)).value(),
      {1.5e38}, "a row out of range");
  const Variable many = pairs(1000, 0, 1e37f);
  expect_values(cross_entropy(many, labels(1000), {.class_weights = on(device, {1, 1})}).value(),
                {1e37}, "weighted mean");
  expect_values(cross_entropy(many, labels(1000), {.ignore_index = -100}).value(), {1e37},
                "ignore_index");
  const double loss = std::log1p(std::exp(1.0)), share = 1 / (1 + std::exp(1.0));
  for (const float weight : {1e38f, 1.0f, 1e-39f}) {
    for (const double smoothing : {0.0, 0.1}) {
      const Variable y = pairs(6, 0, 1);
      const Variable got = cross_entropy(
          y, labels(6),
          {.label_smoothing = smoothing, .class_weights = on(device, {weight, weight})});
      expect_values(got.value(), {loss - smoothing / 2}, "class weights");
      got.backward();
      const double slope = (share - 1 + smoothing / 2) / 6;
      std::vector<double> wanted;
      for (int r = 0; r < 6; ++r) wanted.insert(wanted.end(), {slope, -slope});
      expect_values(y.grad(), wanted, "gradient with class weights");
    }
  }
  const Variable equal = Variable::leaf(on(device, std::vector<float>(100, 0.0f), {1, 100}));
  const Tensor seed = on(device, std::vector<float>(100, 1e37f), {1, 100});
  for (const float value : gradient(equal, log_softmax(equal), seed).to(Cpu{}).to_vector<float>())
    EXPECT_LE(std::abs(value), 2e31f) << "log_softmax's gradient";
}

// The mean is not rounded before it is subtracted.
inline void expect_normalised_rows_with_an_offset(const Device& device) {
  constexpr i64 n = 1000;
  std::vector<float> values, seeds;
  double mean = 0, squares = 0;
  for (i64 i = 0; i < n; ++i) {
    values.push_back(static_cast<float>(1e4 + std::sin(1.7 * static_cast<double>(i))));
    seeds.push_back(static_cast<float>(std::cos(static_cast<double>(i))));
    mean += static_cast<double>(values.back()) / n;
  }
  for (const float value : values) squares += std::pow(static_cast<double>(value) - mean, 2);
  const double rstd = 1 / std::sqrt(squares / n);
  double mean_g = 0, mean_gx = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double g = static_cast<double>(seeds[i]);
    mean_g += g / n;
    mean_gx += g * (static_cast<double>(values[i]) - mean) * rstd / n;
  }
  const Variable x = Variable::leaf(on(device, values, {1, n})),
                 w = Variable::leaf(on(device, std::vector<float>(n, 1.0f))),
                 b = Variable::leaf(on(device, std::vector<float>(n, 0.0f)));
  const Variable y = layer_norm(x, w, b, 0);
  y.backward(on(device, seeds, {1, n}));
  const auto got = y.value().to(Cpu{}).to_vector<float>(),
             dx = x.grad().to(Cpu{}).to_vector<float>(), dw = w.grad().to(Cpu{}).to_vector<float>();
  for (std::size_t i = 0; i < n; ++i) {
    const double normalised = (static_cast<double>(values[i]) - mean) * rstd,
                 g = static_cast<double>(seeds[i]);
    EXPECT_NEAR(static_cast<double>(got[i]), normalised, 1e-6) << i;
    EXPECT_NEAR(static_cast<double>(dw[i]), g * normalised, 1e-6) << i;
    EXPECT_NEAR(static_cast<double>(dx[i]), rstd * (g - mean_g - normalised * mean_gx), 1e-6) << i;
  }
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
