// SPDX-License-Identifier: Apache-2.0
// Callbacks of configs, in whole small runs.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/autograd/ops.h"
#include "weft/nn/serialize.h"
#include "weft/tests/train/callback_run.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/callbacks/callbacks.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/run/saved_run.h"
#include "weft/train/evaluation/predictor.h"

namespace weft::train {
namespace {

namespace fs = std::filesystem;
using testing_models::bytes_of_model;

using Callbacks = testing_callbacks::CallbackRun;

// Records the hooks in the order of their calls.
struct Recorder : Callback {
  std::string hooks;
  void on_setup(Orchestrator&) override { hooks += "setup "; }
  void on_train_begin(Orchestrator&) override { hooks += "train( "; }
  void on_epoch_begin(Trainer&, i64 epoch) override { hooks += fmt::format("epoch{}( ", epoch); }
  void on_step_begin(Trainer&, i64 step) override { hooks += fmt::format("step{}( ", step); }
  void on_batch_begin(Trainer&, const BatchInProgress&) override { hooks += "batch( "; }
  void on_gradients(Trainer&, double) override { hooks += "gradients "; }
  void on_step_end(Trainer&, const optim::StepOutcome&) override { hooks += "step) "; }
  void on_batch_end(Trainer&, const Progress&) override { hooks += "batch) "; }
  void on_epoch_end(Trainer&, const EpochResult&) override { hooks += "trained) "; }
  void on_validation_begin(Orchestrator&) override { hooks += "validation( "; }
  void on_validation_end(Orchestrator&, const Evaluation& evaluation) override {
    hooks += evaluation.split + ") ";
  }
  void on_epoch_end(const EpochReport&) override { hooks += "epoch) "; }
  void on_checkpoint(Orchestrator&, Snapshot&) override { hooks += "checkpoint "; }
  void on_train_end(const RunReport&) override { hooks += "train)"; }
};

TEST_F(Callbacks, HooksComeInOrder) {
  Orchestrator run(config({"train.epochs=2", "train.accumulate=2", "validation.every=2ep",
                           "train.batch_size=40", "train.accumulate=2"}),
                   "test");
  const auto recorder = std::make_shared<Recorder>();
  run.add_callback(recorder);
  run.train();
  const std::string step1 = "step0( batch( batch) batch( gradients step) batch) ",
                    step2 = "step1( batch( gradients step) batch) ",
                    step3 = "step2( batch( batch) batch( gradients step) batch) ",
                    step4 = "step3( batch( gradients step) batch) ";
  EXPECT_EQ(recorder->hooks, "setup train( epoch0( " + step1 + step2 +
                                 "trained) epoch) checkpoint epoch1( " + step3 + step4 +
                                 "trained) validation( validation) epoch) checkpoint "
                                 "validation( test) train)");
  recorder->hooks.clear();
  run.validate();
  run.test();
  EXPECT_EQ(recorder->hooks, "validation( validation) validation( test) ");
}

// A validation by steps is made after the step is complete, also for its last batch.
TEST_F(Callbacks, AValidationComesAfterTheStepThatItFollows) {
  Orchestrator run(config({"train.epochs=1", "validation.every=2ba", "train.batch_size=40"}),
                   "test");
  const auto recorder = std::make_shared<Recorder>();
  run.add_callback(recorder);
  run.train();
  const auto step = [](int i) { return fmt::format("step{}( batch( gradients step) batch) ", i); };
  const std::string validated = "validation( validation) ";
  EXPECT_EQ(recorder->hooks, "setup train( epoch0( " + step(0) + step(1) + validated + step(2) +
                                 "trained) " + validated +
                                 "epoch) checkpoint validation( test) train)");
}

// A callback that asks for it gets each batch of every evaluation of a run.
TEST_F(Callbacks, TheBatchesOfAnEvaluationAreSeenWhereTheyAreWanted) {
  struct Batches : Callback {
    explicit Batches(bool wants_them) : wants(wants_them) {}
    bool needs_validation_batches() const override { return wants; }
    void on_validation_begin(Orchestrator&) override { count = samples = 0, sum = 0; }
    void on_validation_batch(Orchestrator& o, const EvaluatedBatch& batch) override {
      EXPECT_EQ(&o, run);
      EXPECT_EQ(batch.index, count++);
      EXPECT_EQ(batch.first_sample, samples);
      samples += batch.targets.size(0);
      sum += batch.loss * static_cast<double>(batch.targets.size(0));
    }
    void on_validation_end(Orchestrator&, const Evaluation& evaluation) override {
      splits += evaluation.split + " ";
      if (count == 0) return;
      EXPECT_EQ(samples, evaluation.samples);
      EXPECT_NEAR(sum / static_cast<double>(samples), evaluation.loss, 1e-6);
      seen += count;
    }
    bool wants;
    Orchestrator* run = nullptr;
    std::string splits;
    i64 count = 0, samples = 0, seen = 0;
    double sum = 0;
  };
  for (const bool wants : {true, false}) {
    Orchestrator run(config({"train.epochs=1"}), "test");
    const auto batches = std::make_shared<Batches>(wants);
    batches->run = &run;
    run.add_callback(batches);
    run.train();
    EXPECT_EQ(batches->splits, "validation test ");
    EXPECT_EQ(batches->seen,
              wants ? 2 : 0);  // one batch of 30 held-out samples, and one of 20 test samples
    fs::remove_all(folder_);
  }
}

TEST_F(Callbacks, ValidationEverySoManySteps) {
  Orchestrator run(config({"validation.every=2ba", "train.epochs=2"}), "test");
  run.train();  // three steps an epoch
  std::vector<i64> at;
  for (const auto& event : events("validation")) at.push_back(event["step"]);
  // Steps 2, 4 and 6, and step 3 for the checkpoint of the first epoch.
  EXPECT_EQ(at, (std::vector<i64>{2, 3, 4, 6}));
  for (const auto& event : events("epoch")) EXPECT_TRUE(event.contains("validation/loss"));
}

TEST_F(Callbacks, NoValidationDataIsFine) {
  Orchestrator run(config({"data.validation_split=0", "validation.every=2ba"}), "test");
  const RunReport report = run.train();
  EXPECT_EQ(report.epochs, 4);
  EXPECT_FALSE(report.validation.has_value());
  EXPECT_TRUE(events("validation").empty());
  EXPECT_TRUE(fs::exists(file("checkpoints/best/model.safetensors")));
}

TEST_F(Callbacks, EarlyStoppingEndsTheRunAndTestDataIsStillRead) {
  Orchestrator run(config({"optimizer.lr=1e-9", "train.epochs=20",
                           "callbacks=[{type: early_stopping, patience: 2, min_delta: 0.01}]"}),
                   "test");
  const RunReport report = run.train();
  EXPECT_EQ(report.epochs, 3);  // the first is the best, two more do not improve
  EXPECT_FALSE(report.stopped);
  EXPECT_NE(report.ended_early.find("early_stopping: validation/loss has not improved on "),
            std::string::npos);
  EXPECT_TRUE(report.ended_early.ends_with(" of epoch 1 for 2 looks; the last was in epoch 3"))
      << report.ended_early;
  EXPECT_TRUE(report.test.has_value());
  EXPECT_EQ(fs::read_symlink(file("checkpoints/last")), "step-9");
}

TEST_F(Callbacks, EarlyStoppingLooksTheRightWay) {
  // A falling loss is not an improvement with mode max.
  Orchestrator up(config({"callbacks=[{type: early_stopping, mode: max, patience: 1, "
                          "monitor: train/loss}]"}),
                  "test");
  EXPECT_EQ(up.train().epochs, 2);
  fs::remove_all(folder_);
  Orchestrator down(
      config({"callbacks=[{type: early_stopping, patience: 1, monitor: train/loss}]"}), "test");
  EXPECT_EQ(down.train().epochs, 4);
}

TEST_F(Callbacks, MonitorsThatAreNotMeasuredAreRefusedBeforeWriting) {
  const auto refused = [&](std::vector<std::string> overrides) {
    try {
      Orchestrator(config(overrides), "test");
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_NE(refused({"callbacks=[{type: early_stopping, monitor: validation/acuracy}]"})
                .find("'validation/acuracy' is not measured by this run; known: train/loss, "
                      "validation/loss, validation/accuracy"),
            std::string::npos);
  EXPECT_NE(refused({"callbacks=[early_stopping]", "data.validation_split=0"})
                .find("which holds no validation data out"),
            std::string::npos);
  EXPECT_NE(refused({"scheduler=plateau", "data.validation_split=0"}).find("scheduler.monitor"),
            std::string::npos);
  // A table is not a number that can be compared.
  const std::string table = "validation.metrics=[accuracy, confusion_matrix]",
                    monitor = "monitor: validation/confusion_matrix";
  for (const auto& [key, place] : std::map<std::string, std::string>{
           {"callbacks=[{type: early_stopping, " + monitor + "}]", "early_stopping.monitor"},
           {"scheduler={type: plateau, " + monitor + "}", "scheduler.monitor"},
           {"checkpoint={" + monitor + "}", "checkpoint.monitor"}})
    EXPECT_EQ(refused({table, key}), place +
                                         ": 'validation/confusion_matrix' is a table; a metric "
                                         "that is one number is required");
  EXPECT_EQ(refused({table, "checkpoint.monitor=validation/accuracy"}), "accepted");
  EXPECT_NE(refused({"callbacks=[ema, ema]"}).find("ema is given 2 times; at most one"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(Callbacks, EmaIsTheAverageByItsFormula) {
  constexpr double kDecay = 0.9;
  Orchestrator run(config({"callbacks=[{type: ema, decay: 0.9, warmup: false}]", "train.epochs=2"}),
                   "test");
  struct ByHand : Callback {
    std::vector<double> average;
    static std::vector<float> weights(Trainer& t) {
      return t.optimizer().parameters().values().to_vector<float>();
    }
    void on_train_begin(Orchestrator& o) override {
      for (const float w : weights(o.trainer())) average.push_back(w);
    }
    void on_step_end(Trainer& t, const optim::StepOutcome&) override {
      const std::vector<float> now = weights(t);
      for (std::size_t i = 0; i < now.size(); ++i)
        average[i] = kDecay * average[i] + (1 - kDecay) * static_cast<double>(now[i]);
    }
  };
  const auto by_hand = std::make_shared<ByHand>();
  run.add_callback(by_hand);
  const RunReport report = run.train();
  const auto trained = bytes_of_model(run.model());

  nn::AnyModule averaged = build_model(run.config(), run.data().train->info());
  load(*averaged, file("checkpoints/last/ema.safetensors").string());
  std::size_t i = 0;
  double largest = 0;
  const auto& segments = run.trainer().optimizer().parameters().segments();
  for (const nn::NamedParameter& p : averaged->named_parameters()) {
    const auto values = p.variable.value().to_vector<float>();
    for (std::size_t k = 0; k < values.size(); ++k)
      largest = std::max(
          largest, std::abs(static_cast<double>(values[k]) -
                            by_hand->average[static_cast<std::size_t>(segments[i].offset) + k]));
    ++i;
  }
  EXPECT_LT(largest, 1e-6);
  EXPECT_NE(bytes_of_model(*averaged), trained);

  // Validation and test used the average, and the model kept its own weights.
  Evaluator evaluator(*averaged, classification(), {.normalization = run.data().normalization});
  data::Loader validation(run.data().validation, {.batch_size = 30}),
      test(run.data().test, {.batch_size = 20});
  EXPECT_NEAR(evaluator.evaluate(validation).loss, report.validation->loss, 1e-6);
  EXPECT_NEAR(evaluator.evaluate(test).loss, report.test->loss, 1e-6);
  nn::AnyModule saved = build_model(run.config(), run.data().train->info());
  load(*saved, file("checkpoints/last/model.safetensors").string());
  EXPECT_EQ(bytes_of_model(*saved), trained);
  EXPECT_NO_THROW(Predictor::open(file("checkpoints/last/ema.safetensors").string()));
}

TEST_F(Callbacks, BothWeightsOfARunWithEmaCanBeEvaluated) {
  Orchestrator run(config({"callbacks=[{type: ema, decay: 0.9}]"}), "test");
  const RunReport report = run.train();
  EXPECT_EQ(report.test->weights, "ema");
  EXPECT_EQ(report.validation->weights, "ema");
  EXPECT_EQ(events("test").back().at("weights"), "ema");
  const std::string folder = (folder_ / "run").string();
  SavedRun averaged(folder, "last", "ema"), own(folder, "last");
  EXPECT_NEAR(averaged.evaluate("test").loss, report.test->loss, 1e-6);
  EXPECT_GT(std::abs(own.evaluate("test").loss - report.test->loss), 1e-4);
  // The best checkpoint has both too, and its score is that of the average.
  const auto metrics = metrics_of_checkpoint(file("checkpoints/best"));
  EXPECT_NEAR(SavedRun(folder, "best", "ema").evaluate("validation").loss,
              metrics.at("validation/loss"), 1e-6);
  EXPECT_NO_THROW(SavedRun(folder, "best", "model"));

  fs::remove_all(folder_ / "run");
  Orchestrator plain(config({"train.epochs=1"}), "test");
  EXPECT_EQ(plain.train().test->weights, "model");
  EXPECT_FALSE(events("test").back().contains("weights"));
  EXPECT_THROW(SavedRun(folder, "last", "ema"), UserError);
}

TEST_F(Callbacks, EmaAveragesTheStatisticsOfBatchNorms) {
  Orchestrator run(config({"callbacks=[{type: ema, decay: 0.8, warmup: false}]", "train.epochs=2",
                           "model={type: cnn, channels: [2], hidden: 4}"}),
                   "test");
  struct ByHand : Callback {
    std::map<std::string, std::vector<double>> average;
    static std::vector<double> values(const nn::NamedBuffer& b) {
      return b.buffer->value.to(DType::f64).to_vector<double>();
    }
    void on_train_begin(Orchestrator& o) override {
      for (const nn::NamedBuffer& b : o.model().named_buffers()) average[b.name] = values(b);
    }
    void on_step_end(Trainer& t, const optim::StepOutcome&) override {
      for (const nn::NamedBuffer& b : t.model().named_buffers()) {
        const std::vector<double> now = values(b);
        const bool counts = b.buffer->value.dtype() == DType::int64;
        for (std::size_t i = 0; i < now.size(); ++i)
          average[b.name][i] = counts ? now[i] : 0.8 * average[b.name][i] + 0.2 * now[i];
      }
    }
  };
  const auto by_hand = std::make_shared<ByHand>();
  run.add_callback(by_hand);
  run.train();
  const auto trained = bytes_of_model(run.model());
  nn::AnyModule averaged = build_model(run.config(), run.data().train->info());
  load(*averaged, file("checkpoints/last/ema.safetensors").string());
  i64 moved = 0;
  for (const nn::NamedBuffer& b : averaged->named_buffers()) {
    const std::vector<double> values = ByHand::values(b);
    for (std::size_t i = 0; i < values.size(); ++i)
      EXPECT_NEAR(values[i], by_hand->average.at(b.name)[i], 1e-5) << b.name;
    moved += testing_models::bytes_of_tensor(b.buffer->value) != trained.at(b.name) ? 1 : 0;
  }
  EXPECT_EQ(moved, 2);  // mean and variance of the only batch norm, without its count of batches
  load(*averaged, file("checkpoints/last/model.safetensors").string());
  EXPECT_EQ(bytes_of_model(*averaged), trained);
}

TEST_F(Callbacks, GradientMonitorLogsNormsAndWarnsOnce) {
  Orchestrator run(
      config({"callbacks=[{type: gradient_monitor, every: 2ba, vanishing: 100, exploding: 1e6}]"}),
      "test");
  struct Norm : Callback {
    double first = 0;
    void on_gradients(Trainer& t, double scale) override {
      if (first > 0) return;
      for (const nn::NamedParameter& p : t.named_parameters())
        if (p.name.starts_with("1."))
          for (const float g : p.variable.grad().to_vector<float>())
            first += std::pow(g * scale, 2);
      first = std::sqrt(first);
    }
  };
  const auto norm = std::make_shared<Norm>();
  run.add_callback(norm);
  run.train();
  const auto looks = events("gradients");
  ASSERT_EQ(looks.size(), 6u);  // steps 0, 2, … of twelve
  EXPECT_NEAR(looks[0]["norm/1"].get<double>(), norm->first, 1e-6);
  ASSERT_EQ(warnings_.size(), 2u);  // two layers
  EXPECT_NE(warnings_[0].find("the gradient of 1 is vanishing"), std::string::npos);
}

}  // namespace
}  // namespace weft::train
