// SPDX-License-Identifier: Apache-2.0
// Whole runs: the folder, metrics, checkpoints, and errors before anything is written.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/tests/support/scratch_folder.h"
#include "weft/nn/serialize.h"
#include "weft/core/config/config.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/evaluation/predictor.h"
#include "weft/train/run/saved_run.h"

namespace weft::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDigits = R"(
data: {type: digits, train_size: 300, test_size: 60, validation_split: 0.2}
model: {type: mlp, hidden: [16]}
optimizer: {type: adamw, lr: 3e-3}
train: {epochs: 4, batch_size: 30}
checkpoint: {keep_last: 1, keep_best: 1, monitor: validation/accuracy, mode: max}
)";

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

struct Empty : data::Dataset {
  data::DatasetInfo about;
  i64 size() const override { return 0; }
  const data::DatasetInfo& info() const override { return about; }
  void read(i64, void*, void*) const override {}
};
const bool registered_empty = Registry<data::Dataset>::add<NoOptions>(
    "empty_for_test", [](const NoOptions&) -> data::TrainAndTest {
      return {std::make_shared<Empty>(), nullptr};
    });

class Runs : public test_support::InScratchFolder {
 protected:
  Runs() : InScratchFolder("orchestrator") {}

  RunConfig config(std::vector<std::string> overrides = {}) const {
    overrides.push_back("run.dir=" + (folder_ / "run").string());
    return config::load_text<RunConfig>(kDigits, "test.yaml", overrides).value;
  }
  fs::path run_folder() const { return folder_ / "run"; }
};

TEST_F(Runs, WriteWhatTheirFolderPromises) {
  Orchestrator run(config(), "test", {"train.epochs=4"});
  const RunReport report = run.train();
  EXPECT_EQ(report.epochs, 4);
  EXPECT_EQ(report.steps, 32);  // 240 samples in batches of 30, four epochs
  ASSERT_TRUE(report.test.has_value());

  for (const char* file :
       {"config.yaml", "overrides.txt", "environment.json", "metrics.jsonl", "metrics.csv",
        "checkpoints/last/model.safetensors", "checkpoints/best/trainer_state.json"})
    EXPECT_TRUE(fs::exists(run_folder() / file)) << file;
  EXPECT_EQ(text_of(run_folder() / "overrides.txt"), "train.epochs=4\n");

  const std::vector<std::string> events = lines_of(run_folder() / "metrics.jsonl");
  ASSERT_EQ(events.size(), 5u);
  const auto epoch = nlohmann::json::parse(events[3]), test = nlohmann::json::parse(events[4]);
  EXPECT_EQ(epoch["epoch"], 4);
  EXPECT_EQ(epoch["step"], 32);
  EXPECT_TRUE(epoch.contains("validation/accuracy") && epoch.contains("samples_per_second"));
  EXPECT_EQ(test["event"], "test");
  EXPECT_DOUBLE_EQ(test["test/accuracy"].get<double>(), report.test->accuracy);
  EXPECT_EQ(lines_of(run_folder() / "metrics.csv").size(), 5u);  // a header and four epochs
}

TEST_F(Runs, OpenAgainWithTheSameResult) {
  RunReport report;
  {
    Orchestrator run(config(), "test");
    report = run.train();
  }
  SavedRun saved(run_folder().string(), "last");
  const Evaluation again = saved.evaluate("test");
  EXPECT_DOUBLE_EQ(again.accuracy, report.test->accuracy);
  EXPECT_NEAR(again.loss, report.test->loss, 1e-6);
  EXPECT_NO_THROW(saved.evaluate("validation"));
  EXPECT_THROW(SavedRun(run_folder().string(), "step-7"), UserError);
}

TEST_F(Runs, PredictFromOneFile) {
  Orchestrator run(config({"train.epochs=1"}), "test");
  run.train();
  const Predictor predictor =
      Predictor::open((run_folder() / "checkpoints/last/model.safetensors").string());
  const Tensor scores = predictor.predict(Tensor::zeros({3, 28, 28, 1}, DType::uint8));
  EXPECT_EQ(scores.shape(), (Shape{3, 10}));
  EXPECT_THROW(predictor.predict(Tensor::zeros({3, 27, 28, 1}, DType::uint8)), UserError);
  EXPECT_THROW(predictor.predict(Tensor::zeros({3, 28, 28, 1})), UserError);
}

TEST_F(Runs, KeepTheNewestAndTheBest) {
  Orchestrator run(config(), "test");
  run.train();
  int kept = 0;
  for (const auto& entry : fs::directory_iterator(run_folder() / "checkpoints"))
    kept += entry.is_symlink() ? 0 : 1;
  EXPECT_GE(kept, 1);
  EXPECT_LE(kept, 2);
  EXPECT_EQ(fs::read_symlink(run_folder() / "checkpoints/last"), "step-32");
}

TEST_F(Runs, RepeatToTheByte) {
  Orchestrator first(config(), "test");
  first.train();
  const std::string weights = text_of(run_folder() / "checkpoints/last/model.safetensors");
  fs::remove_all(run_folder());
  Orchestrator second(config(), "test");
  second.train();
  EXPECT_TRUE(weights == text_of(run_folder() / "checkpoints/last/model.safetensors"));
}

TEST_F(Runs, NeverOverwriteARun) {
  Orchestrator(config({"train.epochs=1"}), "test").train();
  const std::string before = text_of(run_folder() / "metrics.jsonl");
  Orchestrator again(config({"train.epochs=1"}), "test");
  EXPECT_THROW(again.train(), UserError);
  EXPECT_EQ(text_of(run_folder() / "metrics.jsonl"), before);
}

TEST_F(Runs, StopWithACheckpoint) {
  Orchestrator run(config(), "test");
  std::stop_source stop;
  class StopAtOnce : public Callback {
   public:
    explicit StopAtOnce(std::stop_source& stop) : stop_(stop) {}
    void on_batch_end(Trainer&, const Progress& progress) override {
      if (progress.batch == 2) stop_.request_stop();
    }

   private:
    std::stop_source& stop_;
  };
  run.add_callback(std::make_shared<StopAtOnce>(stop));
  const RunReport report = run.train(stop.get_token());
  EXPECT_TRUE(report.stopped);
  EXPECT_EQ(report.steps, 2);
  EXPECT_TRUE(fs::exists(run_folder() / "checkpoints/last/model.safetensors"));
}

TEST_F(Runs, ReturnTheFinalValidationLoss) {
  Orchestrator run(config({"validation.every=3ep"}), "test");
  const RunReport report = run.train();
  EXPECT_EQ(report.failed, "");
  EXPECT_DOUBLE_EQ(report.validation_loss, run.validate().loss);
  EXPECT_DOUBLE_EQ(report.validation_loss, run.history().back().metrics.at("validation/loss"));
}

TEST_F(Runs, ReturnInfinityWithoutValidationData) {
  Orchestrator run(config({"data.validation_split=0", "train.epochs=1"}), "test");
  const RunReport report = run.train();
  EXPECT_EQ(report.failed, "");
  EXPECT_EQ(report.validation_loss, std::numeric_limits<double>::infinity());
}

// Every step of these runs is skipped.
TEST_F(Runs, FailWithTheReasonWhenNoStepWasApplied) {
  const auto failure = [&](std::vector<std::string> keys) {
    fs::remove_all(run_folder());
    keys.emplace_back("train.epochs=2");
    const RunReport report = Orchestrator(config(keys), "test").train();
    EXPECT_EQ(report.steps, 0);
    EXPECT_FALSE(report.test.has_value());
    EXPECT_EQ(report.validation_loss, std::numeric_limits<double>::infinity());
    return report.failed;
  };
  const std::string weights = "loss.class_weights=[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]";
  EXPECT_EQ(failure({weights}),
            "validation: no sample of 60 has a weight above 0 (loss.class_weights, "
            "loss.ignore_index); at least one is required");
  EXPECT_EQ(failure({weights, "data.validation_split=0"}),
            "no step of 20 was applied: no training sample has a weight above 0 "
            "(loss.class_weights, loss.ignore_index); at least one is required");
  EXPECT_EQ(failure({"precision={type: fp16, init_scale: 1e30, max_scale: 1e38}"}),
            "no step of 16 was applied: no gradient was finite; a lower precision.init_scale, or "
            "more steps, by which the loss scale falls, is required");
}

TEST_F(Runs, ReturnInfinityAfterAFailureAndKeepTheLastCheckpoint) {
  Orchestrator run(config(), "test");
  struct Breaks : Callback {
    std::string failed;
    void on_epoch_begin(Trainer& t, i64 epoch) override {
      if (epoch == 2) t.model().named_parameters()[0].variable.value().fill(std::nan(""));
    }
    void on_train_end(const RunReport& report) override { failed = report.failed; }
  };
  const auto breaks = std::make_shared<Breaks>();
  run.add_callback(breaks);
  const RunReport report = run.train();
  EXPECT_NE(report.failed.find("the loss is nan at batch 1 of epoch 3"), std::string::npos)
      << report.failed;
  EXPECT_EQ(breaks->failed, report.failed);
  EXPECT_EQ(report.validation_loss, std::numeric_limits<double>::infinity());
  EXPECT_FALSE(report.test.has_value());
  EXPECT_EQ(report.epochs, 2);
  const auto parameter =
      read_safetensors((run_folder() / "checkpoints/last/model.safetensors").string());
  for (const auto& [name, tensor] : parameter)
    for (const double value : tensor.to(DType::f64).to_vector<double>())
      ASSERT_TRUE(std::isfinite(value)) << name;
}

TEST_F(Runs, OverfitBatchesAndSubset) {
  Orchestrator run(config({"train.overfit_batches=2"}), "test");
  EXPECT_EQ(run.data().train->size(), 60);
  Orchestrator fewer(config({"data.subset=50"}), "test");
  EXPECT_EQ(fewer.data().train->size(), 50);
}

TEST_F(Runs, RefuseEmptyDataBeforeAnythingIsBuilt) {
  try {
    // The model would be refused too if it were built.
    const Orchestrator refused(
        config({"data=empty_for_test", "model={type: cnn, channels: [1, 1, 1, 1, 1, 1, 1]}"}),
        "test");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(std::string(error.what()),
              "data: empty_for_test has no training samples; at least one is required");
  }
  EXPECT_TRUE(registered_empty && !fs::exists(run_folder()));
}

TEST_F(Runs, RefuseWhatDoesNotFitBeforeWriting) {
  EXPECT_THROW(Orchestrator(config({"train.batch_size=1000"}), "test"), UserError);
  EXPECT_THROW(Orchestrator(config({"validation.metrics=[acuracy]"}), "test"), UserError);
  EXPECT_THROW(Orchestrator(config({"run.device=gpu"}), "test"), UserError);
  EXPECT_THROW(Orchestrator(config({"validation.every=0"}), "test"), UserError);
  EXPECT_THROW(Orchestrator(config({"checkpoint.every=0"}), "test"), UserError);
  EXPECT_THROW(
      Orchestrator(config({"optimizer.param_groups=[{match: [nothing.*], weight_decay: 0}]"}),
                   "test"),
      UserError);
  EXPECT_FALSE(fs::exists(run_folder()));
}

}  // namespace
}  // namespace weft::train
