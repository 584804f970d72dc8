// SPDX-License-Identifier: Apache-2.0
// Metrics of training batches: train.metrics.
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/data/mix.h"
#include "weft/tests/support/message_of.h"
#include "weft/tests/train/callback_run.h"
#include "weft/tests/train/run_files.h"
#include "weft/tests/train/small_models.h"
#include "weft/tests/train/stopped_run.h"
#include "weft/train/evaluation/evaluator.h"
#include "weft/train/trainer/trainers.h"

namespace weft::train {
namespace {

using test_support::message_of;
using testing_callbacks::CallbackRun;
using testing_models::tiny_images;
using testing_models::tiny_mlp;

const std::vector<std::string> kMeasured{"accuracy", "confusion_matrix", "f1_macro", "perplexity"};

// With a learning rate that changes nothing, training measures what an evaluation does.
TEST(TrainMetrics, AreThoseOfTheTrainedSamples) {
  for (const i64 accumulate : {1, 2})
    for (const OnOutOfMemory memory : {OnOutOfMemory::error, OnOutOfMemory::split}) {
      nn::AnyModule model = tiny_mlp();
      Trainer trainer(*model, classification(),
                      {.optimizer = optim::sgd({.lr = 1e-30}),
                       .epochs = 2,
                       .accumulate = accumulate,
                       .out_of_memory = memory});
      set_metrics(trainer, kMeasured);
      data::Loader loader(tiny_images(26), {.batch_size = 6});
      trainer.train_one_epoch(loader);
      const EpochResult result = trainer.train_one_epoch(loader);
      const Evaluation expected =
          Evaluator(*model, classification(), {.metrics = kMeasured}).evaluate(loader);
      EXPECT_EQ(result.metrics.at("accuracy"), expected.metrics.at("accuracy"));
      EXPECT_EQ(result.metrics.at("f1_macro"), expected.metrics.at("f1_macro"));
      EXPECT_NEAR(result.metrics.at("perplexity"), expected.metrics.at("perplexity"), 1e-9);
      EXPECT_EQ(result.metrics.size(), 3u);
      EXPECT_EQ(result.tables.at("confusion_matrix").to_vector<i64>(),
                expected.tables.at("confusion_matrix").to_vector<i64>());
      EXPECT_NEAR(result.loss, expected.loss, 1e-9);
    }
}

TEST(TrainMetrics, LeaveOutWhatTheLossIgnores) {
  nn::AnyModule model = tiny_mlp();
  const LossRecipe loss = classification({.ignore_index = 1});
  Trainer trainer(*model, loss, {.optimizer = optim::sgd({.lr = 1e-30})});
  set_metrics(trainer, kMeasured);
  data::Loader loader(tiny_images(24), {.batch_size = 5});
  const EpochResult result = trainer.train_one_epoch(loader);
  const Evaluation expected = Evaluator(*model, loss, {.metrics = kMeasured}).evaluate(loader);
  EXPECT_EQ(result.metrics.at("accuracy"), expected.metrics.at("accuracy"));
  i64 counted = 0;
  for (const i64 n : result.tables.at("confusion_matrix").to_vector<i64>()) counted += n;
  EXPECT_EQ(counted, 16);
}

TEST(TrainMetrics, ChangeNoBitOfTraining) {
  const auto train = [](const std::vector<std::string>& metrics) {
    nn::AnyModule model = testing_models::tiny_cnn();
    Trainer trainer(*model, classification(), {.optimizer = optim::sgd({.lr = 0.1})});
    set_metrics(trainer, metrics);
    data::Loader loader(tiny_images(24), {.batch_size = 6, .shuffle = true});
    const EpochResult result = trainer.train_one_epoch(loader);
    EXPECT_EQ(result.metrics.empty(), metrics.empty());
    return testing_models::bytes_of_model(*model);
  };
  EXPECT_EQ(train(kMeasured), train({}));
}

// A metric of somebody else that keeps nothing of it.
struct Unsaved : Metric {
  void update(const Tensor&, const Tensor&) override {}
  double value() const override { return 0; }
  void reset() override {}
};
// A trainer of somebody else that does not show its outputs.
struct Closed final : Trainer {
  explicit Closed(const TrainerContext& context) : Trainer(context) {}
  Variable compute_loss(const Variable& x, const Tensor& target) override {
    return loss().forward(model()(x), target);
  }
};
const bool registered = Registry<Metric>::add<Unsaved>("unsaved_of_tests") &&
                        Registry<Trainer>::add<Closed>("closed_of_tests");

TEST(TrainMetrics, RefuseWhatTheyCannotMeasure) {
  nn::AnyModule model = tiny_mlp();
  Trainer trainer(*model, classification(), {});
  data::Loader plain(tiny_images(24), {.batch_size = 6}),
      mixed(tiny_images(24), {.batch_size = 6, .mix = data::mixup()});
  set_metrics(trainer, {"accuracy"});
  EXPECT_EQ(message_of([&] { trainer.train_one_epoch(mixed); }),
            "metric 'accuracy': data.mix: mixup gives training batches a probability for each "
            "class, and train.metrics has a metric of class labels; either without the other is "
            "required");
  set_metrics(trainer, {"mae"});
  EXPECT_EQ(message_of([&] { trainer.train_one_epoch(plain); }),
            "metric 'mae': the targets of tiny are class labels; values are required");
  set_metrics(trainer, {"unsaved_of_tests"});
  EXPECT_EQ(message_of([&] { trainer.train_one_epoch(plain); }),
            "metric 'unsaved_of_tests': state() is not overridden; it is required for "
            "train.metrics (train/metrics/metric.h)");
  EXPECT_NE(message_of([&] { set_metrics(trainer, {"acuracy"}); }).find("accuracy"),
            std::string::npos);
  set_metrics(trainer, {});
  EXPECT_TRUE(trainer.train_one_epoch(plain).metrics.empty());
}

class TrainMetricsOfARun : public CallbackRun {};

TEST_F(TrainMetricsOfARun, AreInTheEventAndTheTable) {
  Orchestrator(config({"train.metrics=[accuracy, confusion_matrix]"}), "test").train();
  const auto epochs = events("epoch");
  ASSERT_EQ(epochs.size(), 4u);
  for (const auto& epoch : epochs) {
    i64 hits = 0, samples = 0;
    const auto& table = epoch["train/confusion_matrix"];
    for (std::size_t r = 0; r < table.size(); ++r) {
      hits += table[r][r].get<i64>();
      for (const auto& count : table[r]) samples += count.get<i64>();
    }
    EXPECT_EQ(samples, 90);
    EXPECT_EQ(epoch["train/accuracy"].get<double>(), static_cast<double>(hits) / 90);
  }
  const std::string csv = testing_runs::text_of(file("metrics.csv"));
  EXPECT_NE(csv.substr(0, csv.find('\n')).find(",train/accuracy,train/loss,"), std::string::npos)
      << csv;
}

TEST_F(TrainMetricsOfARun, GoOnInsideAnEpochThatIsResumed) {
  const std::vector<std::string> keys{
      "train.metrics=[accuracy, top_k, confusion_matrix, f1_micro, perplexity]",
      "checkpoint.every=2ba"};
  testing_runs::expect_equal_after_a_stop(
      folder_ / "run", keys, {2, 4, 6},
      [&](const std::vector<std::string>& overrides) { return config(overrides); });
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(TrainMetricsOfARun, MayBeOthersThanTheCheckpointHas) {
  EXPECT_TRUE(testing_runs::stopped_at(config({"train.metrics=[accuracy]"}), 4));
  Orchestrator(config({"train.metrics=[top_k]", "resume=auto"}), "test").train();
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_EQ(warnings_[0],
            "resume: train.metrics: top_k was not measured before the checkpoint; the value of "
            "this epoch is that of its remaining batches");
  EXPECT_TRUE(events("epoch").back().contains("train/top_k"));
}

TEST_F(TrainMetricsOfARun, AreMonitoredLikeOthers) {
  Orchestrator(config({"train.metrics=[accuracy]", "checkpoint.monitor=train/accuracy",
                       "scheduler={type: plateau, monitor: train/accuracy, mode: max}",
                       "callbacks=[{type: early_stopping, monitor: train/accuracy, mode: max, "
                       "patience: 1, min_delta: 2}]"}),
               "test")
      .train();
  EXPECT_EQ(events("epoch").size(), 2u) << "the second is no better by more than 2";
  std::filesystem::remove_all(folder_ / "run");
  EXPECT_NE(message_of([&] { Orchestrator(config({"checkpoint.monitor=train/accuracy"}), "test"); })
                .find("checkpoint.monitor: 'train/accuracy' is not measured by this run; known: "
                      "train/loss, validation/loss"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              Orchestrator(config({"train.metrics=[confusion_matrix]",
                                   "checkpoint.monitor=train/confusion_matrix"}),
                           "test");
            }).find("checkpoint.monitor: 'train/confusion_matrix' is a table"),
            std::string::npos);
}

TEST_F(TrainMetricsOfARun, OfMixedDataAreRefusedBeforeThereIsAFolder) {
  EXPECT_NE(message_of([&] {
              Orchestrator(config({"train.metrics=[accuracy]", "data.mix=mixup"}), "test").train();
            }).find("metric 'accuracy': data.mix: mixup gives"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
}

TEST_F(TrainMetricsOfARun, OfAnUnknownNameNameTheKey) {
  for (const std::string key : {"train.metrics", "validation.metrics"}) {
    const auto refusal = [&](const std::string& names) {
      return message_of([&] { Orchestrator(config({key + "=" + names}), "test"); });
    };
    EXPECT_EQ(refusal("[nope]").find(key + ": metric: 'nope' given; known: "), 0u)
        << refusal("[nope]");
    EXPECT_EQ(refusal("[accuracy, accuracy]"),
              key + ": metric: 'accuracy' is given twice; each one once is required");
  }
}

TEST_F(TrainMetricsOfARun, NeedATrainerThatShowsItsOutputs) {
  EXPECT_EQ(message_of([&] {
              Orchestrator(config({"train.metrics=[accuracy]", "trainer=closed_of_tests"}), "test");
            }),
            "train.metrics: the trainer computes its loss without giving the outputs of the model "
            "to Trainer::measure(); a trainer that gives them, or no train.metrics, is required");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
  Orchestrator(config({"train.metrics=[accuracy]",
                       "trainer={type: adversarial, adversary: {model: {type: mlp, hidden: [4]}, "
                       "optimizer: sgd}}"}),
               "test")
      .train();
  EXPECT_TRUE(events("epoch").back().contains("train/accuracy"));
}

}  // namespace
}  // namespace weft::train
