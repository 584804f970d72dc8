// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/batch_norm.h"

#include <functional>

#include "weft/autograd/tape.h"
#include "weft/tests/nn/nn_test_tools.h"

namespace weft::nn {
namespace {

using Strings = std::vector<std::string>;

// The mean and both variances of each channel of x (…, channels).
struct Observed {
  std::vector<double> mean, biased, unbiased;
};
Observed observed(const Tensor& x) {
  const std::vector<double> v = doubles(x);
  const auto channels = static_cast<std::size_t>(x.size(-1));
  const std::size_t rows = v.size() / channels;
  Observed o{std::vector<double>(channels), std::vector<double>(channels),
             std::vector<double>(channels)};
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t r = 0; r < rows; ++r)
      o.mean[c] += v[r * channels + c] / static_cast<double>(rows);
    for (std::size_t r = 0; r < rows; ++r)
      o.biased[c] += std::pow(v[r * channels + c] - o.mean[c], 2);
    o.unbiased[c] = o.biased[c] / static_cast<double>(rows - 1);
    o.biased[c] /= static_cast<double>(rows);
  }
  return o;
}

void give_weights(BatchNorm& norm) {
  norm.weight.value().copy_from(affine(numbers({norm.weight.value().size(0)}), 0.3, 1.2));
  norm.bias.value().copy_from(affine(numbers({norm.bias.value().size(0)}), 0.5, -0.1));
}

// weight·(x − mean)/√(variance + eps) + bias
std::vector<double> formula(BatchNorm& norm, const Tensor& x, const std::vector<double>& mean,
                            const std::vector<double>& variance, double eps = 1e-5) {
  std::vector<double> y = doubles(x);
  const std::vector<double> w = doubles(norm.weight.value()), b = doubles(norm.bias.value());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t c = i % w.size();
    y[i] = w[c] * (y[i] - mean[c]) / std::sqrt(variance[c] + eps) + b[c];
  }
  return y;
}

void expect_values(const Tensor& tensor, const std::vector<double>& expected, double tolerance) {
  const std::vector<double> values = doubles(tensor);
  ASSERT_EQ(values.size(), expected.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    ASSERT_NEAR(values[i], expected[i], tolerance) << i;
}

TEST(BatchNorm, HasTheStateOfPyTorch) {
  BatchNorm norm{3};
  EXPECT_EQ(names_of(norm), (Strings{"weight", "bias"}));
  Strings buffers;
  for (const NamedBuffer& b : norm.named_buffers()) buffers.push_back(b.name);
  EXPECT_EQ(buffers, (Strings{"running_mean", "running_var", "num_batches_tracked"}));
  EXPECT_EQ(norm.num_batches_tracked.value.dtype(), DType::int64);
  EXPECT_EQ(norm.num_batches_tracked.value.rank(), 0);
  EXPECT_EQ(doubles(norm.running_var.value), (std::vector<double>{1, 1, 1}));
}

TEST(BatchNorm, TrainsOnTheBatchAndFollowsItWithTheUnbiasedVariance) {
  for (const Shape& shape : {Shape{6, 5}, Shape{2, 3, 4, 5}}) {
    BatchNorm norm{5, {.momentum = 0.3}};
    give_weights(norm);
    std::vector<double> mean(5, 0), variance(5, 1);
    for (int step = 1; step <= 3; ++step) {
      const Tensor x = affine(numbers(shape), 1.0 + step, 0.5 * step);
      const Observed o = observed(x);
      expect_values(norm(x).value(), formula(norm, x, o.mean, o.biased), 1e-5);
      for (std::size_t c = 0; c < 5; ++c) {
        mean[c] = 0.7 * mean[c] + 0.3 * o.mean[c];
        variance[c] = 0.7 * variance[c] + 0.3 * o.unbiased[c];
      }
      expect_values(norm.running_mean.value, mean, 1e-5);
      expect_values(norm.running_var.value, variance, 1e-4);
      EXPECT_EQ(norm.num_batches_tracked.value.item<i64>(), step);
    }
    norm.eval();
    const Tensor x = numbers(shape);
    expect_values(norm(x).value(), formula(norm, x, mean, variance), 1e-5);
    expect_values(norm.running_mean.value, mean, 1e-5);
    EXPECT_EQ(norm.num_batches_tracked.value.item<i64>(), 3);
  }
}

TEST(BatchNorm, ASkippedStepLeavesTheStatistics) {
  BatchNorm norm{3};
  StatisticsScope scope;
  const Tensor x = numbers({4, 3});
  const Tensor y = norm(x).value().clone();
  EXPECT_EQ(doubles(norm.running_mean.value), (std::vector<double>{0, 0, 0}));
  scope.commit(true);
  EXPECT_EQ(norm.num_batches_tracked.value.item<i64>(), 0);
  expect_same(norm(x).value(), y);
  scope.commit();
  EXPECT_EQ(norm.num_batches_tracked.value.item<i64>(), 1);
  std::vector<double> expected = observed(x).mean;
  for (double& m : expected) m *= 0.1;
  expect_values(norm.running_mean.value, expected, 1e-6);
}

TEST(BatchNorm, FusedFormsAreTheirParts) {
  const Tensor x = numbers({2, 3, 4, 5}), residual = affine(numbers({2, 3, 4, 5}), -0.7, 0.1);
  for (const bool training : {true, false}) {
    BatchNorm norm{5};
    give_weights(norm);
    norm.train(training);
    const Tensor y = norm(x).value();
    expect_near(norm.fused(x, kernels::Activation::relu).value(), relu(y), 1e-5);
    expect_near(norm.with_residual(x, residual).value(), relu(add(y, residual)), 1e-5);
  }
}

// The ops of a Sequential, in the order of their recording.
struct RecordedOps : TapeObserver {
  RecordedOps() : before(set_tape_observer(this)) {}
  ~RecordedOps() override { set_tape_observer(before); }
  void on_forward(const char* op, const std::string&, const Tensor&) override {
    ops.emplace_back(op);
  }
  void on_backward(const char*, const std::string&, const Tensor&) override {}
  TapeObserver* before;
  Strings ops;
};

struct PooledNorm {
  kernels::Activation activation = kernels::Activation::relu;  // none: no module
  std::function<void(BatchNorm&)> change = [](BatchNorm&) {};
  bool trains_input = true;
};

// Runs a BatchNorm, an activation and a pool as a Sequential and one after the other, compares all
// that they give, and returns the ops of the Sequential.
Strings ops_of_pooled_norm(const MaxPool2d& pool, const PooledNorm& o) {
  using kernels::Activation;
  const Tensor x = numbers({2, 5, 4, 3});
  Sequential net;
  net.push(BatchNorm{3});
  if (o.activation == Activation::relu) net.push(ReLU{});
  if (o.activation == Activation::tanh) net.push(Tanh{});
  net.push(pool);
  auto& norm = dynamic_cast<BatchNorm&>(net[0]);
  give_weights(norm);
  norm.weight.value().slice(1, 2).fill(-0.7);
  BatchNorm apart = norm;
  o.change(norm);
  o.change(apart);
  const auto input_of = [&] { return o.trains_input ? Variable::leaf(x) : Variable(x); };
  const Variable input = input_of(), its_input = input_of();
  const RecordedOps recorded;
  const Variable y = net(input);
  Strings ops = recorded.ops;
  Variable expected = apart(its_input);
  for (std::size_t i = 1; i < net.size(); ++i) expected = net[i](expected);
  expect_near(y.value(), expected.value(), o.activation == Activation::tanh ? 1e-6 : 0);
  expect_same(norm.running_mean.value, apart.running_mean.value);
  expect_same(norm.running_var.value, apart.running_var.value);
  EXPECT_EQ(norm.num_batches_tracked.value.item<i64>(),
            apart.num_batches_tracked.value.item<i64>());
  const Tensor seed = numbers(y.shape());
  y.backward(seed);
  expected.backward(seed);
  const auto expect_same_gradient = [](const Variable& a, const Variable& b) {
    ASSERT_EQ(a.grad().defined(), b.grad().defined());
    if (a.grad().defined()) expect_near(a.grad(), b.grad(), 1e-5);
  };
  if (o.trains_input) expect_same_gradient(input, its_input);
  expect_same_gradient(norm.weight.variable(), apart.weight.variable());
  expect_same_gradient(norm.bias.variable(), apart.bias.variable());
  return ops;
}

TEST(BatchNorm, IsPooledInOneOp) {
  for (const auto activation : {kernels::Activation::none, kernels::Activation::relu})
    for (const bool trains_input : {false, true}) {
      const PooledNorm plain{.activation = activation, .trains_input = trains_input};
      EXPECT_EQ(ops_of_pooled_norm(MaxPool2d{2}, plain), (Strings{"batch_norm_pool"}));
      EXPECT_EQ(ops_of_pooled_norm(MaxPool2d{2, {.stride = 2}}, plain),
                (Strings{"batch_norm_pool"}));
      for (const bool weight : {false, true}) {
        PooledNorm one = plain;  // of weight and bias is trained
        one.change = [weight](BatchNorm& norm) {
          (weight ? norm.bias : norm.weight).variable().set_requires_grad(false);
        };
        EXPECT_EQ(ops_of_pooled_norm(MaxPool2d{2}, one), (Strings{"batch_norm_pool"}));
      }
    }
}

TEST(BatchNorm, IsPooledByAnOpOfItsOwnElsewhere) {
  const Strings apart{"batch_norm", "max_pool2d"}, constant{"batch_norm_eval", "max_pool2d"};
  for (const MaxPool2d& pool :
       {MaxPool2d{2, {.stride = 1}}, MaxPool2d{3}, MaxPool2d{2, {.padding = 1}}, MaxPool2d{{2, 1}}})
    EXPECT_EQ(ops_of_pooled_norm(pool, {}), apart);
  EXPECT_EQ(ops_of_pooled_norm(MaxPool2d{2}, {.activation = kernels::Activation::tanh}),
            (Strings{"batch_norm", "tanh", "max_pool2d"}));
  for (const std::function<void(BatchNorm&)>& change : std::vector<std::function<void(BatchNorm&)>>{
           [](BatchNorm& norm) { norm.eval(); },
           [](BatchNorm& norm) { norm.freeze_statistics(true); },
           [](BatchNorm& norm) {
             norm.weight.variable().set_requires_grad(false);
             norm.bias.variable().set_requires_grad(false);
           }})
    EXPECT_EQ(ops_of_pooled_norm(MaxPool2d{2}, {.change = change}), constant);
}

// A class derived from one of the modules may compute something else.
struct Doubled : MaxPool2d {
  Doubled() : MaxPool2d(2) {}
  Variable forward(const Variable& x) override { return 2.0 * MaxPool2d::forward(x); }
};
struct Shifted : BatchNorm {
  Shifted() : BatchNorm(3) {}
  Variable forward(const Variable& x) override { return BatchNorm::forward(x) + 1.0; }
};

TEST(BatchNorm, IsNotPooledInPlaceOfADerivedModule) {
  const Tensor x = numbers({2, 4, 4, 3});
  BatchNorm norm{3};
  const Tensor y = norm(x).value();
  Sequential doubled{norm, Doubled{}}, shifted{Shifted{}, MaxPool2d{2}};
  expect_near(doubled(x).value(), affine(max_pool2d(y), 2, 0), 1e-6);
  expect_near(shifted(x).value(), affine(max_pool2d(y), 1, 1), 1e-6);
}

TEST(BatchNorm, IsPooledWithoutGradientsAndSeenByObservers) {
  struct Outputs : OutputObserver {
    void on_output(const Module& module, const Variable& output) override {
      labels.push_back(module.label() + " " + output.shape().to_string());
    }
    Strings labels;
  };
  Sequential net{BatchNorm{3}, ReLU{}, MaxPool2d{2}};
  const Tensor x = numbers({2, 4, 4, 3});
  const Tensor y = [&] {
    const NoGrad off;
    return net(x).value();
  }();
  expect_same(y, net(x).value());
  Outputs seen;
  OutputObserver* before = set_output_observer(&seen);
  expect_same(y, net(x).value());
  set_output_observer(before);
  EXPECT_EQ(seen.labels.size(), 4u);  // the three modules and the Sequential
  EXPECT_NE(error_of([&] {
              net(numbers({2, 1, 4, 3}));
            }).find("max_pool2d: x is (2, 1, 4, 3)"),
            std::string::npos);
}

TEST(BatchNorm, ErrorsNameTheLayer) {
  Sequential model{Linear{4, 3}, BatchNorm{5}};
  EXPECT_EQ(error_of([&] { model(numbers({2, 4})); }).find("layer 1: batch_norm: "), 0u);
  EXPECT_CONTAINS(error_of([] { BatchNorm(0); }), "BatchNorm");
  EXPECT_CONTAINS(error_of([] { BatchNorm(3, {.momentum = 2}); }), "momentum");
  EXPECT_CONTAINS(error_of([] { BatchNorm(3, {.eps = 1e-50}); }), "eps 1e-50");
  EXPECT_CONTAINS(error_of([] { LayerNorm(3, {.eps = -1}); }), "LayerNorm: eps is -1; a number");
}

}  // namespace
}  // namespace weft::nn
