// SPDX-License-Identifier: Apache-2.0
// A stop that is requested in a validation or in the test. The evaluation is not completed, and the
// resumed run gives the same bytes as an uninterrupted run.
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/config/config.h"
#include "weft/tests/train/run_files.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train {
namespace {

using namespace testing_runs;
using StopKeys = std::vector<std::string>;

constexpr const char* kStopped = R"(
run: {seed: 3}
data: {type: tiny_for_stop, validation_split: 0.2}
model: {type: mlp, hidden: [12]}
optimizer: {type: adamw, lr: 3e-3}
train: {epochs: 3, batch_size: 24}
)";

const bool registered = Registry<data::Dataset>::add<NoOptions>(
    "tiny_for_stop", [](const NoOptions&) { return testing_models::tiny_splits(125); });

// Requests a stop at the beginning of the n-th evaluation of a run.
struct StopsEvaluation : Callback {
  explicit StopsEvaluation(i64 at) : left(at) {}
  void on_validation_begin(Orchestrator&) override {
    if (--left == 0) stop.request_stop();
  }
  void on_validation_end(Orchestrator&, const Evaluation&) override { ++ended; }
  void on_validation_abandoned(Orchestrator&) override { ++abandoned; }
  i64 left, ended = 0, abandoned = 0;
  std::stop_source stop;
};

class StopInEvaluation : public InScratchFolder {
 protected:
  StopInEvaluation() : InScratchFolder("stop") {}

  RunConfig config(const std::string& name, StopKeys keys) const {
    keys.push_back("run.dir=" + dir(name).string());
    return config::load_text<RunConfig>(kStopped, "test.yaml", keys).value;
  }

  // Stops a run in each of its evaluations, of which the last is the test.
  void expect_law(const StopKeys& keys, i64 evaluations) {
    {
      Orchestrator whole(config("whole", keys), "test");
      const auto counts = std::make_shared<StopsEvaluation>(-1);
      whole.add_callback(counts);
      EXPECT_TRUE(whole.train(counts->stop.get_token()).test.has_value());
      ASSERT_EQ(counts->ended, evaluations);
    }
    const auto expected = outcome_of(dir("whole"));
    for (i64 n = 1; n <= evaluations; ++n) {
      const std::string name = fmt::format("stopped-{}", n);
      {
        Orchestrator run(config(name, keys), "test");
        const auto stops = std::make_shared<StopsEvaluation>(n);
        run.add_callback(stops);
        const RunReport report = run.train(stops->stop.get_token());
        EXPECT_TRUE(report.stopped) << name;
        EXPECT_FALSE(report.test.has_value()) << name;
        EXPECT_EQ(stops->ended, n - 1) << name;
        EXPECT_EQ(stops->abandoned, 1) << name;
        EXPECT_LT(outcome_of(dir(name)).at("metrics").size(), expected.at("metrics").size());
      }
      StopKeys again = keys;
      again.push_back("resume=auto");
      Orchestrator run(config(name, again), "test");
      EXPECT_FALSE(run.train().stopped) << name;
      EXPECT_EQ(outcome_of(dir(name)), expected) << name;
      EXPECT_EQ(CheckpointReader(dir(name) / "checkpoints/best").about().step,
                CheckpointReader(dir("whole") / "checkpoints/best").about().step)
          << name;
    }
  }
};

TEST_F(StopInEvaluation, AtTheEndOfAnEpoch) {
  expect_law({"validation.metrics=[accuracy, confusion_matrix]"}, 4);
}

TEST_F(StopInEvaluation, BetweenSteps) {
  expect_law({"validation.every=2ba", "checkpoint.every=4ba", "train.epochs=2",
              "scheduler={type: plateau, patience: 1, factor: 0.5}"},
             6);
}

TEST_F(StopInEvaluation, OfAveragedWeights) {
  expect_law({"callbacks=[{type: ema, decay: 0.9}]", "model={type: cnn, channels: [2], hidden: 4}"},
             4);
}

TEST_F(StopInEvaluation, WhenACallbackEndsTheRun) {
  expect_law({"callbacks=[{type: early_stopping, patience: 1, min_delta: 1000}]"}, 3);
}

TEST_F(StopInEvaluation, AtALimitOfSteps) { expect_law({"train.max_steps=7"}, 3); }

// An evaluation that throws is abandoned too: the averages of `ema` do not stay in the model.
TEST_F(StopInEvaluation, AnExceptionAbandonsToo) {
  struct Throws : Callback {
    bool needs_validation_batches() const override { return true; }
    void on_validation_batch(Orchestrator&, const EvaluatedBatch&) override {
      throw InternalError("in an evaluation");
    }
  };
  const auto counts = std::make_shared<StopsEvaluation>(-1);
  Orchestrator run(config("run", {}), "test");
  run.add_callback(counts);
  run.add_callback(std::make_shared<Throws>());
  EXPECT_THROW(run.train(), InternalError);
  EXPECT_EQ(counts->abandoned, 1);
}

// The public functions are for an application, also after a stop.
TEST_F(StopInEvaluation, AnApplicationEvaluatesAfterAStop) {
  Orchestrator run(config("run", {}), "test");
  const auto stops = std::make_shared<StopsEvaluation>(1);
  run.add_callback(stops);
  EXPECT_TRUE(run.train(stops->stop.get_token()).stopped);
  EXPECT_EQ(run.validate().samples, 25);
  EXPECT_EQ(run.test().samples, 20);
}

TEST_F(StopInEvaluation, AnEvaluatorStopsBetweenBatches) {
  const nn::AnyModule model = testing_models::tiny_mlp();
  data::Loader loader(testing_models::tiny_images(20), {.batch_size = 5});
  Evaluator evaluator(*model, classification());
  std::stop_source stop;
  i64 batches = 0;
  evaluator.on_batch([&](const EvaluatedBatch&) {
    if (++batches == 2) stop.request_stop();
  });
  EXPECT_FALSE(evaluator.evaluate(loader, stop.get_token()).has_value());
  EXPECT_EQ(batches, 2);
  EXPECT_EQ(evaluator.evaluate(loader).samples, 20);
}

}  // namespace
}  // namespace weft::train
