// SPDX-License-Identifier: Apache-2.0
// The law of accumulation: a step equals the step of one large batch, for any division of its
// samples into batches. The tests use f64, so that the order of sums does not matter.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "weft/optim/adam.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/evaluation/evaluator.h"

namespace weft::train {
namespace {

using testing_models::tiny_images;

struct Plan {
  TrainerOptions options;
  LossRecipe loss = classification();
  i64 batch_size = 12, samples = 43, epochs = 25;
  double dropout = 0;
};

struct Result {
  std::vector<double> weights;
  i64 steps = 0;
  double loss = 0;
};

Result result_of(Plan run) {
  manual_seed(5);
  nn::AnyModule model =
      nn::mlp({.hidden = {7}, .dropout = run.dropout}).make(nn::ModelInput{Shape{4, 4, 1}, 3});
  model->to(DType::f64);
  data::Loader loader(tiny_images(run.samples), {.batch_size = run.batch_size, .workers = 0});
  run.options.seed = 9;
  Trainer trainer(*model, run.loss, run.options);
  Result result;
  for (i64 e = 0; e < run.epochs; ++e) {
    const EpochResult epoch = trainer.train_one_epoch(loader);
    result.steps += epoch.steps;
    result.loss = epoch.loss;
  }
  result.weights = trainer.optimizer().parameters().values().to_vector<double>();
  return result;
}

double distance(const Result& a, const Result& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.weights.size(); ++i) {
    difference += std::pow(a.weights[i] - b.weights[i], 2);
    norm += std::pow(a.weights[i], 2);
  }
  return std::sqrt(difference / norm);
}

// 43 samples give steps of 12, 12, 12 and 7. With micro-batches of 4 the last step has 4 and 3;
// with micro-batches of 3 it has 3, 3 and 1. So there are short steps, with short batches in them.
void expect_the_big_batch(const Plan& big) {
  const Result whole = result_of(big);
  EXPECT_EQ(whole.steps, 100);
  for (const i64 parts : {2, 3, 4}) {
    Plan run = big;
    run.batch_size = 12 / parts;
    run.options.accumulate = parts;
    const Result cut = result_of(run);
    EXPECT_EQ(cut.steps, 100);
    EXPECT_LT(distance(whole, cut), 1e-12) << parts;
    EXPECT_NEAR(whole.loss, cut.loss, 1e-12) << parts;
  }
}

TEST(Accumulation, IsTheBigBatch) {
  expect_the_big_batch({.options = {.optimizer = optim::sgd({.lr = 0.1, .momentum = 0.9})}});
}

TEST(Accumulation, IsTheBigBatchWithClippingByNorm) {
  expect_the_big_batch(
      {.options = {.optimizer = optim::sgd({.lr = 0.1, .momentum = 0.9}), .clip_norm = 0.1}});
}

TEST(Accumulation, IsTheBigBatchWithClippingByValue) {
  expect_the_big_batch({.options = {.optimizer = optim::sgd({.lr = 0.1}), .clip_value = 0.01}});
}

TEST(Accumulation, IsTheBigBatchWithDropout) {
  expect_the_big_batch({.options = {.optimizer = optim::sgd({.lr = 0.1})}, .dropout = 0.3});
}

// The weight of a micro-batch is the sum of its samples' weights, and some samples have weight 0.
TEST(Accumulation, IsTheBigBatchWithClassWeightsAndIgnoredLabels) {
  expect_the_big_batch({.options = {.optimizer = optim::sgd({.lr = 0.1})},
                        .loss = classification({.class_weights = {0.5, 2, 1}})});
  expect_the_big_batch({.options = {.optimizer = optim::sgd({.lr = 0.1})},
                        .loss = classification({.label_smoothing = 0.1, .ignore_index = 1})});
}

// The labels are 0, 1, 2, 0, …, so some micro-batches of one sample are ignored.
TEST(Accumulation, AMicroBatchOfIgnoredLabelsCountsForNothing) {
  const Plan big{.options = {.optimizer = optim::sgd({.lr = 0.1})},
                 .loss = classification({.ignore_index = 1}),
                 .batch_size = 6,
                 .samples = 12,
                 .epochs = 10};
  Plan single = big;
  single.batch_size = 1;
  single.options.accumulate = 6;
  const Result whole = result_of(big), cut = result_of(single);
  EXPECT_EQ(whole.steps, cut.steps);
  EXPECT_LT(distance(whole, cut), 1e-12);
  // A step of ignored micro-batches alone is not made.
  single.options.accumulate = 1;
  EXPECT_EQ(result_of(single).steps, 80);  // of 120
}

// One step of plain SGD moves each weight by the learning rate times its clipped gradient.
TEST(Clipping, ByValueLimitsEachElementAfterUnscaling) {
  const auto first_step = [](double clip_value, i64 accumulate) {
    Plan run{.options = {.optimizer = optim::sgd({.lr = 1}),
                         .accumulate = accumulate,
                         .clip_value = clip_value},
             .batch_size = 12 / accumulate,
             .samples = 12,
             .epochs = 1};
    return result_of(run).weights;
  };
  constexpr double kLimit = 0.02;
  Plan still{.options = {.optimizer = optim::sgd({.lr = 1e-37})}, .samples = 12, .epochs = 1};
  const std::vector<double> start = result_of(still).weights, free = first_step(0, 1);
  for (const i64 accumulate : {1, 3}) {
    const std::vector<double> clipped = first_step(kLimit, accumulate);
    i64 limited = 0;
    for (std::size_t i = 0; i < start.size(); ++i) {
      const double gradient = start[i] - free[i];
      limited += std::abs(gradient) > kLimit ? 1 : 0;
      EXPECT_NEAR(start[i] - clipped[i], std::clamp(gradient, -kLimit, kLimit), 1e-12);
    }
    EXPECT_GT(limited, 5);
    EXPECT_LT(limited, static_cast<i64>(start.size()));
  }
  nn::AnyModule model = testing_models::tiny_mlp();
  EXPECT_THROW(Trainer(*model, classification(), {.clip_norm = 1, .clip_value = 1}), UserError);
}

}  // namespace
}  // namespace weft::train
