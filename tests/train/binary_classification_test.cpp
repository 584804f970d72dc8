// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "weft/data/tensor_dataset.h"
#include "weft/nn/nn.h"
#include "weft/optim/adam.h"
#include "weft/tensor/random.h"
#include "weft/tests/support/message_of.h"
#include "weft/train/evaluation/evaluator.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {
namespace {

using test_support::message_of;

// Two labels of each point: whether a > 1/2, and whether a + b > 1.
data::TensorDataset two_labels(i64 count) {
  std::vector<float> x, y;
  for (i64 i = 0; i < count; ++i) {
    const float a = static_cast<float>(i % 7) / 7.0f, b = static_cast<float>(i % 11) / 11.0f;
    x.insert(x.end(), {a, b});
    y.insert(y.end(), {a > 0.5f ? 1.0f : 0.0f, a + b > 1 ? 1.0f : 0.0f});
  }
  data::DatasetInfo info;
  info.name = "points";
  return {info, Tensor::copy_of(x, {count, 2}), Tensor::copy_of(y, {count, 2})};
}

TEST(BinaryClassification, LearnsSeveralLabels) {
  const data::TensorDataset dataset = two_labels(77);
  manual_seed(1);
  nn::AnyModule model = nn::mlp({.hidden = {}}).make(nn::ModelInput{Shape{2}, 2});
  data::Loader loader(dataset, {.batch_size = 11, .shuffle = true, .seed = 1});
  Trainer trainer(*model, binary_classification(),
                  {.optimizer = optim::adamw({.lr = 0.1, .weight_decay = 0}), .epochs = 60});
  for (int epoch = 0; epoch < 60; ++epoch) trainer.train_one_epoch(loader);
  const Evaluation result = Evaluator(*model, binary_classification()).evaluate(loader);
  EXPECT_GT(result.metrics.at("binary_accuracy"), 0.95);
  EXPECT_LT(result.loss, 0.25);
}

TEST(BinaryClassification, ItsMetricCountsEachOutput) {
  MetricRecipe recipe;
  recipe.choose("binary_accuracy");
  const std::unique_ptr<Metric> metric = recipe.make();
  EXPECT_TRUE(std::isnan(metric->value()));
  metric->update(Tensor::copy_of(std::vector<float>{1, -1, 2, -3, 0, 5}, {3, 2}),
                 Tensor::copy_of(std::vector<float>{1, 0, 0, 1, 0, 1}, {3, 2}));
  EXPECT_DOUBLE_EQ(metric->value(), 4.0 / 6);
  metric->update(Tensor::copy_of(std::vector<float>{1}, {1, 1}),
                 Tensor::copy_of(std::vector<float>{0}, {1}));
  EXPECT_DOUBLE_EQ(metric->value(), 4.0 / 7);
  metric->reset();
  EXPECT_TRUE(std::isnan(metric->value()));
}

TEST(BinaryClassification, RefusesOtherTargets) {
  EXPECT_EQ(LossRecipe::of("bce").name(), "binary_classification");
  data::DatasetInfo info;
  info.name = "points";
  info.classes = 2;
  EXPECT_EQ(message_of([&] { binary_classification().make()->outputs(info); }),
            "loss 'binary_classification': the targets of points are class labels; numbers from 0 "
            "to 1 are required (loss.type: classification fits labels)");
  info.classes = 0;
  const data::TensorDataset numbers(info, Tensor::zeros({4, 2}), Tensor::full({4}, 1.5));
  data::Loader loader(numbers, {.batch_size = 4});
  nn::Sequential model{nn::Linear{2, 1}};
  const char* wanted =
      "loss 'binary_classification': a target is 1.5; a number from 0 to 1 is required";
  EXPECT_EQ(message_of([&] { Evaluator(model, binary_classification()).evaluate(loader); }),
            wanted);
  Trainer trainer(model, binary_classification(), {});
  EXPECT_EQ(message_of([&] { trainer.train_one_epoch(loader); }), wanted);
}

}  // namespace
}  // namespace weft::train
