// SPDX-License-Identifier: Apache-2.0
// Evaluations by several ranks, which are threads here: each sample counts once, and all ranks get
// the results of one process.
#include <algorithm>
#include <barrier>
#include <cmath>
#include <set>
#include <stop_token>
#include <thread>

#include <gtest/gtest.h>

#include "weft/tests/support/message_of.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/evaluation/evaluator.h"

namespace weft::train {
namespace {

using test_support::message_of;
using testing_models::tiny_images;

// The sums of the tensors of threads, in the order of the ranks.
class ThreadSums {
 public:
  explicit ThreadSums(i64 ranks) : tensors_(static_cast<std::size_t>(ranks)), together_(ranks) {}

  SumOverRanks of(i64 rank) {
    return [this, rank](const Tensor& mine) {
      tensors_[static_cast<std::size_t>(rank)] = mine;
      together_.arrive_and_wait();
      ASSERT_TRUE(is_cpu(mine.device()));
      const Tensor sum = mine.dtype() == DType::f64 ? sum_as<double>(mine) : sum_as<i64>(mine);
      together_.arrive_and_wait();  // all ranks have read
      mine.copy_from(sum);
    };
  }

 private:
  template <class T>
  Tensor sum_as(const Tensor& mine) const {
    std::vector<T> sum(static_cast<std::size_t>(mine.elements()));
    for (const Tensor& tensor : tensors_) {
      EXPECT_EQ(tensor.shape(), mine.shape());
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += tensor.values<T>()[i];
    }
    return Tensor::copy_of(sum, mine.shape());
  }

  std::vector<Tensor> tensors_;
  std::barrier<> together_;
};

struct OnRank {
  Evaluation result;
  Tensor outputs;
  std::vector<std::pair<i64, i64>> seen;  // by on_batch: the batch, and the place of a sample
};

struct RankedCase {
  std::shared_ptr<const data::Dataset> set;
  LossRecipe loss;
  std::vector<std::string> metrics;
  i64 outputs;  // of the model
};

// In f64, so that the order of sums hardly shows.
nn::AnyModule model_for(const RankedCase& of) {
  manual_seed(5);
  nn::AnyModule model =
      nn::mlp({.hidden = {6}}).make(nn::ModelInput{of.set->info().sample, of.outputs});
  model->to(DType::f64);
  return model;
}

OnRank evaluate_on(const RankedCase& of, nn::Module& model, i64 batch_size, data::Part part,
                   const SumOverRanks& sum) {
  OnRank mine;
  Evaluator evaluator(model, of.loss, {.metrics = of.metrics, .sum_over_ranks = sum});
  data::Loader loader(of.set, {.batch_size = batch_size, .part = part});
  evaluator.evaluate(loader);  // nothing of it may be left
  evaluator.on_batch([&](const EvaluatedBatch& batch) {
    for (i64 i = 0; i < batch.targets.size(0); ++i)
      mine.seen.emplace_back(batch.index, batch.first_sample + i);
  });
  mine.result = evaluator.evaluate(loader, mine.outputs);
  return mine;
}

std::vector<OnRank> evaluate_on_ranks(const RankedCase& of, i64 batch_size, i64 ranks) {
  ThreadSums sums(ranks);
  std::vector<OnRank> all(static_cast<std::size_t>(ranks));
  std::vector<nn::AnyModule> models;
  for (i64 rank = 0; rank < ranks; ++rank) models.push_back(model_for(of));
  {
    std::vector<std::jthread> threads;
    for (std::size_t rank = 0; rank < all.size(); ++rank)
      threads.emplace_back([&, rank] {
        const auto index = static_cast<i64>(rank);
        all[rank] = evaluate_on(of, *models[rank], batch_size, {index, ranks}, sums.of(index));
      });
  }
  return all;
}

void expect_equal_results(const Evaluation& got, const Evaluation& wanted) {
  const std::set<std::string> of_losses{"loss", "perplexity", "mae"};
  EXPECT_EQ(got.samples, wanted.samples);
  EXPECT_EQ(got.weight, wanted.weight);
  EXPECT_NEAR(got.loss, wanted.loss, 1e-12 * std::abs(wanted.loss));
  EXPECT_EQ(got.metrics.size(), wanted.metrics.size());
  for (const auto& [name, value] : wanted.metrics)
    if (of_losses.contains(name))
      EXPECT_NEAR(got.metrics.at(name), value, 1e-12 * std::abs(value)) << name;
    else EXPECT_EQ(got.metrics.at(name), value) << name;
  EXPECT_EQ(got.tables.size(), wanted.tables.size());
  for (const auto& [name, table] : wanted.tables) {
    EXPECT_EQ(got.tables.at(name).shape(), table.shape()) << name;
    EXPECT_EQ(got.tables.at(name).to_vector<i64>(), table.to_vector<i64>()) << name;
  }
}

// All ranks have equal numbers, to the bit, and each sample was seen once, by one of them.
void expect_the_results_of_one_process(const RankedCase& of, i64 batch_size) {
  const nn::AnyModule model = model_for(of);
  const OnRank wanted = evaluate_on(of, *model, batch_size, {}, {});
  EXPECT_EQ(wanted.result.samples, of.set->size());
  for (i64 ranks = 1; ranks <= 4; ++ranks) {
    SCOPED_TRACE(fmt::format("{} ranks, batches of {}", ranks, batch_size));
    const std::vector<OnRank> all = evaluate_on_ranks(of, batch_size, ranks);
    std::vector<std::pair<i64, i64>> seen;
    i64 outputs = 0;
    for (const OnRank& rank : all) {
      expect_equal_results(rank.result, wanted.result);
      EXPECT_EQ(rank.result.loss, all[0].result.loss);
      EXPECT_EQ(rank.result.metrics, all[0].result.metrics);
      EXPECT_EQ(rank.outputs.defined(), !rank.seen.empty());
      i64 row = 0;
      for (const auto& [batch, sample] : rank.seen) {
        EXPECT_EQ(batch, sample / batch_size);
        const auto got = rank.outputs.slice(row, row + 1).to_vector<double>(),
                   one = wanted.outputs.slice(sample, sample + 1).to_vector<double>();
        for (std::size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(got[i], one[i], 1e-12);
        ++row;
      }
      outputs += rank.outputs.defined() ? rank.outputs.size(0) : 0;
      seen.insert(seen.end(), rank.seen.begin(), rank.seen.end());
    }
    EXPECT_EQ(outputs, of.set->size());
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(seen, wanted.seen);
  }
}

RankedCase label_case(i64 samples, const LossRecipe& loss = classification()) {
  return {tiny_images(samples),
          loss,
          {"accuracy", "top_k", "confusion_matrix", "f1_macro", "f1_micro", "perplexity"},
          6};  // top_k counts the 5 largest
}

RankedCase value_case(i64 samples, const LossRecipe& loss, const std::string& metric) {
  const auto images = std::dynamic_pointer_cast<const data::TensorDataset>(tiny_images(samples, 4));
  data::DatasetInfo info;
  info.name = "values";
  std::vector<float> targets;
  for (i64 i = 0; i < 2 * samples; ++i) targets.push_back(i % 3 == 1 ? 1.0F : 0.0F);
  return {std::make_shared<data::TensorDataset>(info, images->samples(),
                                                Tensor::copy_of(targets, {samples, 2})),
          loss,
          {metric},
          2};
}

TEST(EvaluationByRanks, IsThatOfOneProcess) {
  for (const i64 batch_size : {5, 8, 23}) {
    expect_the_results_of_one_process(label_case(23), batch_size);
    expect_the_results_of_one_process(value_case(23, regression(), "mae"), batch_size);
    expect_the_results_of_one_process(value_case(23, binary_classification(), "binary_accuracy"),
                                      batch_size);
  }
}

// Some ranks have no sample of any batch, and learn the number of classes from the others.
TEST(EvaluationByRanks, OfFewerSamplesThanRanks) {
  for (const i64 samples : {1, 3})
    for (const i64 batch_size : {1, 3}) {
      expect_the_results_of_one_process(label_case(samples), batch_size);
      expect_the_results_of_one_process(value_case(samples, regression(), "mae"), batch_size);
      expect_the_results_of_one_process(
          value_case(samples, binary_classification(), "binary_accuracy"), batch_size);
    }
}

// The weights of the samples are not equal, and those of some batches of a rank are 0.
TEST(EvaluationByRanks, WeighsTheSamplesAsTheLossDoes) {
  const RankedCase ignoring = label_case(23, classification({.ignore_index = 1}));
  expect_the_results_of_one_process(ignoring, 4);
  expect_the_results_of_one_process(ignoring, 2);
  RankedCase weighted = label_case(23, classification({.class_weights = {1, 0.25, 2}}));
  weighted.outputs = 3;
  weighted.metrics = {"accuracy", "f1_macro", "perplexity"};
  expect_the_results_of_one_process(weighted, 6);
}

TEST(EvaluationByRanks, OfNoValidSampleIsNaNEverywhere) {
  const RankedCase of = label_case(1, classification({.ignore_index = 0}));
  for (const OnRank& rank : evaluate_on_ranks(of, 1, 3)) {
    EXPECT_EQ(rank.result.samples, 1);
    EXPECT_EQ(rank.result.weight, 0);
    for (const auto& [name, value] : rank.result.metrics) EXPECT_TRUE(std::isnan(value)) << name;
    EXPECT_EQ(rank.result.tables.at("confusion_matrix").elements(), 0);
  }
}

// A rank that stopped alone would leave the others waiting.
TEST(EvaluationByRanks, DoesNotStopBeforeItsEnd) {
  const RankedCase of = label_case(6);
  const nn::AnyModule model = model_for(of);
  std::stop_source stop;
  stop.request_stop();
  data::Loader loader(of.set, {.batch_size = 2});
  Evaluator alone(*model, of.loss, {.metrics = of.metrics});
  EXPECT_FALSE(alone.evaluate(loader, stop.get_token()).has_value());
  Evaluator ranked(*model, of.loss,
                   {.metrics = of.metrics, .sum_over_ranks = [](const Tensor&) {}});
  loader.set_epoch(0);
  const std::optional<Evaluation> result = ranked.evaluate(loader, stop.get_token());
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->samples, 6);
}

// Counts nothing, and cannot be merged.
struct Unmerged : Metric {
  void update(const Tensor&, const Tensor&) override {}
  double value() const override { return 0; }
  void reset() override {}
};
const bool registered = Registry<Metric>::add<Unmerged>("unmerged_for_test");

TEST(EvaluationByRanks, RefusesAMetricWithoutMergeByName) {
  ASSERT_TRUE(registered);
  const RankedCase of = label_case(6);
  const nn::AnyModule model = model_for(of);
  const auto refusal = [&](const SumOverRanks& sum) {
    return message_of([&] {
      Evaluator(*model, of.loss,
                {.metrics = {"accuracy", "unmerged_for_test"}, .sum_over_ranks = sum});
    });
  };
  EXPECT_EQ(refusal([](const Tensor&) {}),
            "metric 'unmerged_for_test': merge() is not overridden; it is required for several "
            "ranks (train/metrics/metric.h)");
  EXPECT_EQ(refusal({}), "no error");
}

TEST(EvaluationByRanks, RefusesALoaderOfOtherRanks) {
  const RankedCase of = label_case(6);
  const nn::AnyModule model = model_for(of);
  const auto refusal = [&](data::Part part, const SumOverRanks& sum) {
    return message_of([&] { evaluate_on(of, *model, 3, part, sum); });
  };
  EXPECT_EQ(refusal({1, 2}, {}),
            "Evaluator: the loader gives the samples of rank 1 of 2 ranks; sum_over_ranks is "
            "required (EvaluatorOptions)");
  // As if another rank evaluated the same.
  const SumOverRanks twice = [](const Tensor& mine) {
    if (mine.dtype() == DType::int64)
      for (i64& value : mine.values<i64>()) value *= 2;
  };
  EXPECT_EQ(refusal({}, twice),
            "Evaluator: the loader gives the samples of rank 0 of 1 ranks, and 2 evaluate; as many "
            "are required (LoaderOptions::part)");
  EXPECT_EQ(refusal({}, [](const Tensor&) {}), "no error");
}

}  // namespace
}  // namespace weft::train
