// SPDX-License-Identifier: Apache-2.0
// Metrics compared with counts by hand, over batches of any size.
#include <cmath>

#include <gtest/gtest.h>

#include "weft/tests/train/small_models.h"
#include "weft/train/evaluation/evaluator.h"
#include "weft/train/metrics/metric.h"

namespace weft::train {
namespace {

using testing_models::tiny_cnn;
using testing_models::tiny_images;

std::unique_ptr<Metric> metric(const char* name) { return MetricRecipe::of(name).make(); }

// Outputs whose largest elements are at `predictions`.
Tensor outputs_for(const std::vector<i64>& predictions, i64 classes) {
  Tensor t = Tensor::zeros({static_cast<i64>(predictions.size()), classes});
  for (std::size_t i = 0; i < predictions.size(); ++i)
    t.data<float>()[static_cast<i64>(i) * classes + predictions[i]] = 2;
  return t;
}
Tensor labels_of(const std::vector<i64>& labels) {
  return Tensor::copy_of(labels, {static_cast<i64>(labels.size())});
}

// Class 3 is neither a label nor a prediction. Hits: 2 of class 0, 1 of class 1, 0 of class 2.
const std::vector<i64> kLabels{0, 0, 0, 1, 1, 2}, kPredictions{0, 0, 1, 1, 2, 0};

void feed(Metric& m, const std::vector<std::size_t>& cuts) {
  std::size_t begin = 0;
  for (const std::size_t end : cuts) {
    const auto part = [&](const std::vector<i64>& v) {
      return std::vector<i64>(v.begin() + static_cast<i64>(begin),
                              v.begin() + static_cast<i64>(end));
    };
    m.update(outputs_for(part(kPredictions), 4), labels_of(part(kLabels)));
    begin = end;
  }
}

TEST(Metrics, ConfusionMatrixCounts) {
  for (const auto& cuts : std::vector<std::vector<std::size_t>>{{6}, {1, 6}, {4, 5, 6}}) {
    const auto m = metric("confusion_matrix");
    feed(*m, cuts);
    EXPECT_EQ(m->table().to_vector<i64>(),
              (std::vector<i64>{2, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0}));
    EXPECT_EQ(m->table().shape(), (Shape{4, 4}));
  }
  EXPECT_THROW(metric("confusion_matrix")->update(Tensor::zeros({1, 3}), labels_of({3})),
               UserError);
}

// The loss l1 has the same mean.
TEST(Metrics, MaeOfLargeTargetsIsInRange) {
  const auto m = metric("mae");
  for (int batch = 0; batch < 2; ++batch)
    m->update(Tensor::full({4, 1}, -1e38), Tensor::full({4, 1}, 1e38));
  EXPECT_NEAR(m->value() / 2e38, 1, 1e-6);
}

TEST(Metrics, F1MacroAndMicro) {
  // Class 0: 2·2/(3+3); class 1: 2·1/(2+2); class 2: 0; the fourth class is left out.
  const double macro = (4.0 / 6 + 2.0 / 4 + 0) / 3, micro = 2 * 3.0 / 12;
  for (const auto& cuts : std::vector<std::vector<std::size_t>>{{6}, {2, 3, 6}}) {
    const auto a = metric("f1_macro"), b = metric("f1_micro");
    EXPECT_TRUE(std::isnan(a->value()));
    feed(*a, cuts);
    feed(*b, cuts);
    EXPECT_DOUBLE_EQ(a->value(), macro);
    EXPECT_DOUBLE_EQ(b->value(), micro);
    a->reset();
    EXPECT_TRUE(std::isnan(a->value()));
  }
}

TEST(Metrics, PerplexityIsThatOfTheMean) {
  const auto m = metric("perplexity");
  // Probabilities of the right class: 1/2 twice, then 1/8.
  m->update(Tensor::zeros({2, 2}), labels_of({0, 1}));
  Tensor skewed = Tensor::zeros({1, 2});
  skewed.data<float>()[1] = std::log(7.0f);
  m->update(skewed, labels_of({0}));
  EXPECT_NEAR(m->value(), std::cbrt(2.0 * 2 * 8), 1e-6);
}

TEST(Metrics, OverADatasetTheyDoNotDependOnTheBatches) {
  nn::AnyModule model = tiny_cnn();
  const auto set = tiny_images(23);
  Evaluator evaluator(
      *model, classification(),
      {.metrics = {"accuracy", "f1_macro", "f1_micro", "perplexity", "confusion_matrix"}});
  data::Loader whole(set, {.batch_size = 23}), uneven(set, {.batch_size = 5});
  const Evaluation a = evaluator.evaluate(whole), b = evaluator.evaluate(uneven);
  EXPECT_EQ(a.metrics.at("f1_macro"), b.metrics.at("f1_macro"));
  EXPECT_DOUBLE_EQ(a.metrics.at("f1_micro"), a.accuracy);
  EXPECT_NEAR(a.metrics.at("perplexity"), std::exp(a.loss), 1e-5);
  EXPECT_NEAR(a.metrics.at("perplexity"), b.metrics.at("perplexity"), 1e-5);
  EXPECT_FALSE(a.metrics.contains("confusion_matrix"));
  EXPECT_EQ(a.tables.at("confusion_matrix").to_vector<i64>(),
            b.tables.at("confusion_matrix").to_vector<i64>());
}

TEST(Metrics, LeaveOutWhatTheLossIgnores) {
  nn::AnyModule model = tiny_cnn();
  const auto set = tiny_images(24);
  const std::vector<std::string> names{"accuracy", "confusion_matrix"};
  Evaluator ignoring(*model, classification({.ignore_index = 1}), {.metrics = names});
  data::Loader loader(set, {.batch_size = 7});
  const Evaluation seen = ignoring.evaluate(loader);
  const std::vector<i64> table = seen.tables.at("confusion_matrix").to_vector<i64>();
  EXPECT_EQ(table[3] + table[4] + table[5], 0);  // the row of class 1
  i64 all = 0;
  for (const i64 n : table) all += n;
  EXPECT_EQ(all, 16);
  EXPECT_DOUBLE_EQ(seen.accuracy, static_cast<double>(table[0] + table[8]) / 16);
  // The loss is the mean over the other two classes, whatever the batches.
  data::Loader whole(set, {.batch_size = 24});
  EXPECT_NEAR(ignoring.evaluate(whole).loss, seen.loss, 1e-6);
}

TEST(Metrics, OfLabelsAreRefusedByNameForValues) {
  data::DatasetInfo info;
  info.name = "heights";
  info.target_dtype = DType::f32;
  const data::TensorDataset set(info, Tensor::zeros({6, 4, 4, 1}, DType::uint8),
                                Tensor::zeros({6}));
  nn::AnyModule model = nn::mlp({.hidden = {3}}).make(nn::ModelInput{Shape{4, 4, 1}, 1});
  for (const char* name : {"accuracy", "top_k", "perplexity", "f1_macro", "confusion_matrix"}) {
    Evaluator evaluator(*model, regression(), {.metrics = {"mae", name}});
    data::Loader loader(std::make_shared<data::TensorDataset>(set), {.batch_size = 6});
    try {
      evaluator.evaluate(loader);
      ADD_FAILURE() << name;
    } catch (const UserError& error) {
      EXPECT_EQ(std::string(error.what()),
                fmt::format("metric '{}': the targets of heights are f32 values; class labels are "
                            "required",
                            name));
    }
  }
}

}  // namespace
}  // namespace weft::train
