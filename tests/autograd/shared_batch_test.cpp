// SPDX-License-Identifier: Apache-2.0
// Batch norm of a batch that is shared by ranks, which are threads here, against the same op with
// the whole batch.
#include "weft/autograd/shared_batch.h"

#include <barrier>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "weft/device/gpu/gpu.h"
#include "weft/testing/testing.h"

namespace weft {
namespace {

constexpr i64 kShareChannels = 5;
const Shape kSampleShape = {1, 3, 2, kShareChannels};

// Where the ranks meet: sums are added in the order of the ranks, so all have the same bits.
class Meeting {
 public:
  explicit Meeting(std::size_t ranks) : barrier_(static_cast<std::ptrdiff_t>(ranks)), of_(ranks) {}
  void sum(std::size_t rank, const Tensor& values) {
    of_[rank] = values.to_vector<double>();
    barrier_.arrive_and_wait();
    std::vector<double> total(of_[rank].size(), 0.0);
    for (const auto& own : of_)
      for (std::size_t i = 0; i < total.size(); ++i) total[i] += own.at(i);
    barrier_.arrive_and_wait();  // all ranks have read
    values.copy_from(Tensor::copy_of(total, values.shape()));
  }
  void leave() { barrier_.arrive_and_drop(); }

 private:
  std::barrier<> barrier_;
  std::vector<std::vector<double>> of_;
};

class RankOfMeeting : public SharedBatch {
 public:
  RankOfMeeting(Meeting& meeting, std::size_t rank, bool counts)
      : meeting_(meeting), rank_(rank), counts_(counts) {}
  void sum(const Tensor& values) override {
    ++sums;
    meeting_.sum(rank_, values);
  }
  bool counts() const override { return counts_; }
  void set_counts(bool counts) { counts_ = counts; }
  int sums = 0;

 private:
  Meeting& meeting_;
  std::size_t rank_;
  bool counts_;
};

// Calls body(rank, its batch) on a thread for each rank. `samples` has the samples of each rank; 0
// stands for one sample of padding. Returns the errors, which are "" where there is none.
using RankBody = std::function<void(std::size_t rank, RankOfMeeting& batch)>;
std::vector<std::string> on_ranks(const std::vector<i64>& samples, const RankBody& body) {
  Meeting meeting(samples.size());
  std::vector<std::string> errors(samples.size());
  std::vector<std::thread> threads;
  for (std::size_t rank = 0; rank < samples.size(); ++rank)
    threads.emplace_back([&, rank] {
      RankOfMeeting batch(meeting, rank, samples[rank] > 0);
      try {
        body(rank, batch);
      } catch (const std::exception& error) {
        errors[rank] = error.what();
      }
      meeting.leave();
    });
  for (std::thread& thread : threads) thread.join();
  return errors;
}

struct SharedCase {
  bool affine = true, residual = false, relu = false;
};
const std::vector<SharedCase> kSharedCases = {
    {}, {.affine = false}, {.relu = true}, {.residual = true}, {.residual = true, .relu = true}};

// The samples of each rank; 0 is padding.
const std::vector<std::vector<i64>> kSharesOfRanks = {{5},       {4, 1}, {1, 1},
                                                      {3, 0, 6}, {1, 0}, {0, 40, 1, 300}};

Tensor normal_of(const Shape& shape, u64 seed, double mean = 0) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal(mean, 1.0);
  Tensor x = Tensor::empty(shape, DType::f64);
  for (double& value : x.values<double>()) value = normal(engine);
  return x;
}

Shape with_samples(i64 samples) {
  return {samples, kSampleShape[1], kSampleShape[2], kSampleShape[3]};
}

// What goes into the op, and what comes out of it.
struct BatchIn {
  Tensor x, residual, dy, gamma, beta;
};
struct BatchOut {
  Tensor y, mean, variance, dx, dresidual, dgamma, dbeta;
};

BatchIn whole_batch(i64 samples, double mean, DType dtype, const Device& device) {
  const auto made = [&](const Tensor& x) { return x.to(dtype).to(device); };
  const Shape shape = with_samples(samples);
  return {made(normal_of(shape, 1, mean)), made(normal_of(shape, 2)), made(normal_of(shape, 3)),
          made(normal_of({kShareChannels}, 4, 2)), made(normal_of({kShareChannels}, 5))};
}

// The rows of a rank. Padding has values of its own and no gradient.
BatchIn share_of(const BatchIn& whole, i64 begin, i64 samples) {
  if (samples > 0)
    return {whole.x.slice(begin, begin + samples).clone(),
            whole.residual.slice(begin, begin + samples).clone(),
            whole.dy.slice(begin, begin + samples).clone(), whole.gamma.clone(),
            whole.beta.clone()};
  const auto filled = [&](double value) {
    return Tensor::full(kSampleShape, value, whole.x.dtype(), whole.x.device());
  };
  return {filled(1e3), filled(7), filled(0), whole.gamma.clone(), whole.beta.clone()};
}

// Runs the op with `batch` set in the forward pass alone, or without one.
BatchOut run_op(const BatchIn& in, const SharedCase& c, RankOfMeeting* batch) {
  const Variable x = Variable::leaf(in.x),
                 residual = c.residual ? Variable::leaf(in.residual) : Variable(),
                 gamma = c.affine ? Variable::leaf(in.gamma) : Variable(),
                 beta = c.affine ? Variable::leaf(in.beta) : Variable();
  EXPECT_EQ(set_shared_batch(batch), nullptr);
  BatchNormResult result;
  try {
    result = batch_norm(x, gamma, beta, {.relu = c.relu}, residual);
  } catch (...) {
    set_shared_batch(nullptr);
    throw;
  }
  EXPECT_EQ(set_shared_batch(nullptr), batch);
  if (batch != nullptr) batch->set_counts(!batch->counts());  // the backward pass must not ask
  const Tensor y = result.y.value().clone();
  result.y.backward(in.dy);
  const auto grad = [](const Variable& v) { return v.defined() ? v.grad() : Tensor(); };
  return {y, result.mean, result.variance, x.grad(), grad(residual), grad(gamma), grad(beta)};
}

void expect_close(const char* what, const Tensor& actual, const Tensor& expected,
                  double tolerance) {
  EXPECT_EQ(testing::difference(actual.to(Cpu{}), expected.to(Cpu{}), tolerance), "") << what;
}

void expect_share(const BatchOut& own, const BatchOut& whole, const SharedCase& c, i64 begin,
                  i64 samples) {
  const auto rows = [&](const Tensor& x) { return x.slice(begin, begin + samples); };
  if (samples > 0) {
    expect_close("y", own.y, rows(whole.y), 1e-13);
    expect_close("dx", own.dx, rows(whole.dx), 1e-13);
    if (c.residual) expect_close("dresidual", own.dresidual, rows(whole.dresidual), 1e-13);
  } else {
    for (const double value : own.dx.to_vector<double>()) EXPECT_EQ(value, 0) << "dx of padding";
  }
  expect_close("mean", own.mean, whole.mean, 1e-13);
  expect_close("variance", own.variance, whole.variance, 1e-13);
}

void expect_like_one_process(const Device& device) {
  for (const std::vector<i64>& samples : kSharesOfRanks)
    for (const SharedCase& c : kSharedCases) {
      std::string trace = c.affine ? "" : "not affine ";
      trace +=
          std::string(c.residual ? "residual " : "") + (c.relu ? "relu " : "") + "of ranks with";
      i64 all = 0;
      for (const i64 own : samples) trace += " " + std::to_string(own), all += own;
      SCOPED_TRACE(trace);
      const BatchIn in = whole_batch(all, 3, DType::f64, device);
      const BatchOut whole = run_op(in, c, nullptr);
      std::vector<BatchOut> of(samples.size());
      std::vector<int> sums(samples.size());
      const auto errors = on_ranks(samples, [&](std::size_t rank, RankOfMeeting& batch) {
        i64 begin = 0;
        for (std::size_t before = 0; before < rank; ++before) begin += samples[before];
        of[rank] = run_op(share_of(in, begin, samples[rank]), c, &batch);
        sums[rank] = batch.sums;
      });
      Tensor dgamma = Tensor::zeros({kShareChannels}, DType::f64, device), dbeta = dgamma.clone();
      i64 begin = 0;
      for (std::size_t rank = 0; rank < samples.size(); ++rank) {
        ASSERT_EQ(errors[rank], "");
        EXPECT_EQ(sums[rank], 3);
        expect_share(of[rank], whole, c, begin, samples[rank]);
        EXPECT_EQ(of[rank].mean.to_vector<double>(), of[0].mean.to_vector<double>());
        EXPECT_EQ(of[rank].variance.to_vector<double>(), of[0].variance.to_vector<double>());
        begin += samples[rank];
        if (!c.affine) continue;
        dgamma = add(dgamma, of[rank].dgamma);
        dbeta = add(dbeta, of[rank].dbeta);
      }
      if (!c.affine) continue;
      expect_close("dgamma", dgamma, whole.dgamma, 1e-13);
      expect_close("dbeta", dbeta, whole.dbeta, 1e-13);
    }
}

TEST(SharedBatchNorm, EqualsOneProcessWithTheWholeBatch) { expect_like_one_process(Cpu{}); }

#ifdef WEFT_HAS_CUDA
TEST(SharedBatchNorm, EqualsOneProcessWithTheWholeBatchOnTheGpu) {
  if (const std::string why_not = gpu::why_unusable(); !why_not.empty()) GTEST_SKIP() << why_not;
  expect_like_one_process(device_named("cuda"));
}
#endif

TEST(SharedBatchNorm, KeepsItsDigitsWhenTheMeanIsLarge) {
  const std::vector<i64> samples = {70, 0, 1, 33};
  const BatchIn in = whole_batch(104, 1e4, DType::f32, Cpu{});
  const BatchOut whole = run_op(in, {}, nullptr);
  std::vector<BatchOut> of(samples.size());
  const auto errors = on_ranks(samples, [&](std::size_t rank, RankOfMeeting& batch) {
    const i64 begins[] = {0, 70, 70, 71};
    of[rank] = run_op(share_of(in, begins[rank], samples[rank]), {}, &batch);
  });
  EXPECT_EQ(errors, std::vector<std::string>(4));
  for (const BatchOut& own : of) {
    expect_close("mean", own.mean, whole.mean, 1e-13);
    expect_close("variance", own.variance, whole.variance, 1e-12);
  }
  expect_close("y", of[0].y, whole.y.slice(0, 70), 1e-6);
  expect_close("y", of[3].y, whole.y.slice(71, 104), 1e-6);
  expect_close("dx", of[0].dx, whole.dx.slice(0, 70), 2e-6);
  expect_close("dx", of[3].dx, whole.dx.slice(71, 104), 2e-6);
}

// The gradient of padding must stay 0 through a second layer, or the weights before it would get a
// part of it.
TEST(SharedBatchNorm, PaddingAddsNothingToTheGradientsOfOtherLayers) {
  const std::vector<i64> samples = {4, 0, 3};
  const BatchIn in = whole_batch(7, 1, DType::f64, Cpu{});
  const Tensor weight = normal_of({kShareChannels, kShareChannels}, 6);
  const auto weight_gradient = [&](const BatchIn& own, SharedBatch* batch) {
    const auto flat = [](const Tensor& x) {
      return x.reshape({x.elements() / kShareChannels, kShareChannels});
    };
    const Variable w = Variable::leaf(weight.clone()), none;
    set_shared_batch(batch);
    const Variable z = batch_norm(linear(flat(own.x), w, none), none, none, {.relu = true}).y;
    const Variable y = batch_norm(linear(z, w, none), none, none).y;
    set_shared_batch(nullptr);
    y.backward(flat(own.dy));
    return w.grad();
  };
  std::vector<Tensor> of(samples.size());
  const auto errors = on_ranks(samples, [&](std::size_t rank, RankOfMeeting& batch) {
    of[rank] = weight_gradient(share_of(in, rank == 0 ? 0 : 4, samples[rank]), &batch);
  });
  EXPECT_EQ(errors, std::vector<std::string>(3));
  expect_close("dw", add(of[0], of[2]), weight_gradient(in, nullptr), 1e-13);
  for (const double value : of[1].to_vector<double>()) EXPECT_EQ(value, 0);
}

// No gradient of other rows depends on padding, even if it gets one.
TEST(SharedBatchNorm, PaddingHasTheGradientsOfConstantStatistics) {
  const std::vector<i64> samples = {4, 0};
  const BatchIn in = whole_batch(4, 1, DType::f64, Cpu{});
  const BatchOut whole = run_op(in, {}, nullptr);
  std::vector<BatchOut> of(samples.size());
  const auto errors = on_ranks(samples, [&](std::size_t rank, RankOfMeeting& batch) {
    BatchIn own = share_of(in, 0, samples[rank]);
    if (rank == 1) own.dy.fill(2);
    of[rank] = run_op(own, {}, &batch);
  });
  EXPECT_EQ(errors, std::vector<std::string>(2));
  expect_share(of[0], whole, {}, 0, 4);
  const Tensor variance = affine(whole.variance, 23.0 / 24, 1e-5);  // of 24 rows
  const Tensor slope = div(affine(in.gamma, 2, 0), sqrt(variance));
  expect_close("dx of padding", of[1].dx, add(Tensor::zeros(kSampleShape, DType::f64), slope),
               1e-13);
}

TEST(SharedBatchNorm, CountsTheValuesOfAllRanks) {
  const Variable none;
  const auto sizes_of = [&](const std::vector<i64>& samples) {
    return on_ranks(samples, [&](std::size_t, RankOfMeeting& batch) {
      set_shared_batch(&batch);
      batch_norm(Tensor::full({1, 5}, 1), none, none);
    });
  };
  EXPECT_EQ(sizes_of({1, 1}), std::vector<std::string>(2));
  for (const std::string& error : sizes_of({1, 0}))
    EXPECT_NE(error.find("x is (1, 5), 1 values per channel on all ranks together; at least 2"),
              std::string::npos)
        << error;
}

TEST(SharedBatchNorm, MeetsNobodyWithoutAGradientOfTheInputOrWithConstantStatistics) {
  const std::vector<i64> samples = {2, 1};
  const auto errors = on_ranks(samples, [&](std::size_t rank, RankOfMeeting& batch) {
    const Variable gamma = Variable::leaf(Tensor::full({5}, 1)), none;
    const Variable x = Variable::leaf(Tensor::full({samples[rank], 5}, 1));
    set_shared_batch(&batch);
    const Variable y = batch_norm(x.value(), gamma, none).y;
    EXPECT_EQ(batch.sums, 2);
    y.backward(y.value());
    batch_norm_eval(x, gamma, none, Tensor::zeros({5}), Tensor::full({5}, 1)).backward(y.value());
    EXPECT_EQ(batch.sums, 2);
  });
  EXPECT_EQ(errors, std::vector<std::string>(2));
}

TEST(SharedBatchNorm, IsThatOfThePooledNormToo) {
  const BatchIn whole = whole_batch(5, 0, DType::f64, Cpu{});
  const Tensor expected =
      max_pool2d(batch_norm(Variable(whole.x), whole.gamma, whole.beta).y).value();
  const std::vector<i64> samples{4, 1};
  const auto errors = on_ranks(samples, [&](std::size_t rank, RankOfMeeting& batch) {
    const i64 begin = rank == 0 ? 0 : samples[0];
    const BatchIn own = share_of(whole, begin, samples[rank]);
    set_shared_batch(&batch);
    const BatchNormResult result = batch_norm_pool(own.x, own.gamma, own.beta);
    set_shared_batch(nullptr);
    EXPECT_EQ(batch.sums, 2);
    EXPECT_EQ(
        testing::difference(result.y.value(), expected.slice(begin, begin + samples[rank]), 1e-12),
        "");
  });
  EXPECT_EQ(errors, std::vector<std::string>(2));
}

}  // namespace
}  // namespace weft
