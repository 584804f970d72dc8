// SPDX-License-Identifier: Apache-2.0
// The batches of an evaluation, one by one, and the result over all of them.
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "weft/data/subset.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/evaluation/evaluator.h"

namespace weft::train {
namespace {

using testing_models::tiny_cnn;
using testing_models::tiny_images;

struct SeenBatch {
  i64 index, first_sample;
  double loss;
  std::map<std::string, double> metrics;
  std::vector<float> outputs;
  std::vector<i64> targets;
};

class EvaluatedBatches : public ::testing::Test {
 protected:
  Evaluation evaluate(Evaluator& evaluator, i64 batch_size) {
    seen_.clear();
    evaluator.on_batch([this](const EvaluatedBatch& batch) {
      seen_.push_back({batch.index, batch.first_sample, batch.loss, batch.metrics,
                       batch.outputs.to_vector<float>(), batch.targets.to_vector<i64>()});
    });
    data::Loader loader(images_, {.batch_size = batch_size});
    return evaluator.evaluate(loader, outputs_);
  }

  const std::shared_ptr<const data::Dataset> images_ = tiny_images(23);
  const nn::AnyModule model_ = tiny_cnn();
  std::vector<SeenBatch> seen_;
  Tensor outputs_;  // of all samples
};

TEST_F(EvaluatedBatches, HaveTheLossAndMetricsOfTheirSamplesAlone) {
  Evaluator evaluator(*model_, classification(), {.metrics = {"accuracy", "f1_micro"}});
  evaluate(evaluator, 10);
  ASSERT_EQ(seen_.size(), 3u);
  Evaluator alone(*model_, classification(), {.metrics = {"accuracy", "f1_micro"}});
  i64 first = 0;
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    const SeenBatch& batch = seen_[i];
    const auto size = static_cast<i64>(batch.targets.size());
    EXPECT_EQ(size, i < 2 ? 10 : 3);
    EXPECT_EQ(batch.index, static_cast<i64>(i));
    EXPECT_EQ(batch.first_sample, first);
    std::vector<i64> samples;
    for (i64 s = first; s < first + size; ++s) {
      samples.push_back(s);
      EXPECT_EQ(batch.targets[static_cast<std::size_t>(s - first)], s % 3);
    }
    data::Loader loader(std::make_shared<data::Subset>(images_, samples), {.batch_size = size});
    const Evaluation expected = alone.evaluate(loader);
    EXPECT_EQ(batch.loss, expected.loss);
    EXPECT_EQ(batch.metrics.size(), 2u);
    for (const auto& [name, value] : batch.metrics)
      EXPECT_EQ(value, expected.metrics.at(name)) << name;
    EXPECT_EQ(batch.outputs, outputs_.slice(first, first + size).to_vector<float>());
    first += size;
  }
}

TEST_F(EvaluatedBatches, WeighedBySamplesAreTheResult) {
  Evaluator evaluator(*model_, classification(), {.metrics = {"accuracy", "f1_micro"}});
  const Evaluation result = evaluate(evaluator, 10);
  std::map<std::string, double> sums;
  double samples = 0;
  for (const SeenBatch& batch : seen_) {
    const auto size = static_cast<double>(batch.targets.size());
    samples += size;
    sums["loss"] += batch.loss * size;
    for (const auto& [name, value] : batch.metrics) sums[name] += value * size;
  }
  EXPECT_EQ(static_cast<i64>(samples), result.samples);
  EXPECT_EQ(sums.size(), result.metrics.size());
  for (const auto& [name, sum] : sums)
    EXPECT_NEAR(sum / samples, result.metrics.at(name), 1e-12) << name;
  // A hook for batches does not change the result, and a hook that was removed is not called.
  const std::size_t count = seen_.size();
  evaluator.on_batch({});
  data::Loader loader(images_, {.batch_size = 10});
  EXPECT_EQ(evaluator.evaluate(loader).metrics, result.metrics);
  EXPECT_EQ(seen_.size(), count);
}

// The labels are 0, 1, 2, 0, …, in batches of one sample.
TEST_F(EvaluatedBatches, WithoutAValidSampleHaveNoMetrics) {
  Evaluator evaluator(*model_, classification({.ignore_index = 1}));
  const Evaluation result = evaluate(evaluator, 1);
  ASSERT_EQ(seen_.size(), 23u);
  double hits = 0, losses = 0, counted = 0;
  for (const SeenBatch& batch : seen_) {
    const bool counts = batch.targets[0] != 1;
    EXPECT_EQ(std::isnan(batch.metrics.at("accuracy")), !counts) << batch.index;
    if (!counts) continue;
    hits += batch.metrics.at("accuracy");
    losses += batch.loss;
    ++counted;
  }
  EXPECT_NEAR(hits / counted, result.accuracy, 1e-12);
  EXPECT_NEAR(losses / counted, result.loss, 1e-12);
}

}  // namespace
}  // namespace weft::train
