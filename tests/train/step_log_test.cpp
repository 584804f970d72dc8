// SPDX-License-Identifier: Apache-2.0
// The loss of a step itself: for hooks, and as the event `step` of a run.
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/nn/statistics.h"
#include "weft/tests/support/message_of.h"
#include "weft/tests/train/callback_run.h"
#include "weft/tests/train/run_files.h"
#include "weft/tests/train/small_models.h"
#include "weft/tests/train/stopped_run.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {
namespace {

using testing_callbacks::CallbackRun;
using testing_models::tiny_images;
using testing_models::tiny_mlp;

// Computes the loss of each batch before its step, and compares it with that of the report.
struct OwnLoss : TrainerObserver {
  double sum = 0, weight = 0, sum_of_epoch = 0, weight_of_epoch = 0;
  std::vector<StepResult> results;

  void on_epoch_begin(Trainer&, i64) override { sum_of_epoch = weight_of_epoch = 0; }
  void on_batch_begin(Trainer& trainer, const BatchInProgress& batch) override {
    const NoGrad no_grad;
    const nn::StatisticsScope dropped;
    const auto samples = static_cast<double>(batch.batch.x.size(0));
    sum += trainer.loss_of(batch).value().to(DType::f64).item<double>() * samples;
    weight += samples;
  }
  void on_step_end(Trainer& trainer, const optim::StepOutcome& outcome) override {
    const StepResult& last = trainer.progress().last_step;
    sum_of_epoch += sum;
    weight_of_epoch += weight;
    EXPECT_NEAR(last.loss, sum / weight, 1e-12);
    EXPECT_NEAR(last.epoch_loss, sum_of_epoch / weight_of_epoch, 1e-12);
    EXPECT_EQ(last.lr, trainer.optimizer().lr());
    EXPECT_EQ(last.applied, outcome.applied);
    results.push_back(last);
    sum = weight = 0;
  }
};

TEST(StepLoss, IsThatOfTheBatchesOfTheStep) {
  for (const i64 accumulate : {1, 3})
    for (const OnOutOfMemory memory : {OnOutOfMemory::error, OnOutOfMemory::split}) {
      nn::AnyModule model = tiny_mlp();
      Trainer trainer(*model, classification(),
                      {.optimizer = optim::sgd({.lr = 0.5}),
                       .scheduler = optim::cosine(),
                       .epochs = 2,
                       .accumulate = accumulate,
                       .out_of_memory = memory,
                       .clip_norm = 0.1});
      OwnLoss observer;
      trainer.add_observer(observer);
      data::Loader loader(tiny_images(26), {.batch_size = 6, .shuffle = true});  // 5 batches
      trainer.train_one_epoch(loader);
      const EpochResult second = trainer.train_one_epoch(loader);
      const std::size_t steps = accumulate == 1 ? 5 : 2;
      ASSERT_EQ(observer.results.size(), 2 * steps);
      const StepResult& last = observer.results.back();
      EXPECT_EQ(last.epoch, 2);
      EXPECT_EQ(last.batch, 5);
      EXPECT_EQ(last.step, static_cast<i64>(2 * steps));
      EXPECT_EQ(last.epoch_loss, second.loss);
      EXPECT_NE(last.loss, last.epoch_loss);
    }
}

TEST(StepLoss, OfABatchWithoutWeightIsNotANumber) {
  nn::AnyModule model = tiny_mlp();
  Trainer trainer(*model, classification({.class_weights = {0, 1, 1}}), {});
  data::Loader loader(tiny_images(6), {.batch_size = 1});  // classes 0, 1, 2, 0, …
  trainer.begin_epoch(loader);
  EXPECT_EQ(trainer.progress().last_step.epoch, 0);
  trainer.train_step();
  EXPECT_TRUE(std::isnan(trainer.progress().last_step.loss));
  trainer.train_step();
  EXPECT_TRUE(std::isfinite(trainer.progress().last_step.loss));
  EXPECT_EQ(trainer.progress().last_step.loss, trainer.progress().last_step.epoch_loss);
}

class StepLog : public CallbackRun {};

TEST_F(StepLog, HasEveryNthStep) {
  Orchestrator run(config({"run.log_every=2ba", "precision=fp16", "train.accumulate=1"}), "test");
  run.train();
  const auto logged = events("step");
  ASSERT_EQ(logged.size(), 6u);  // 4 epochs of 3 batches
  for (std::size_t i = 0; i < logged.size(); ++i) {
    const auto step = static_cast<i64>(2 * (i + 1));
    EXPECT_EQ(logged[i]["step"], step);
    EXPECT_EQ(logged[i]["epoch"], (step - 1) / 3);
    EXPECT_EQ(logged[i]["batch"], (step - 1) % 3 + 1);
    EXPECT_TRUE(logged[i]["loss"].is_number_float());
    EXPECT_EQ(logged[i]["lr"], 0.05);
    EXPECT_EQ(logged[i]["loss_scale"], 65536.0);
    EXPECT_EQ(logged[i]["skipped_steps"], 0);
  }
  EXPECT_EQ(events("epoch").size(), 4u);
}

// The mean of the losses of an epoch's steps is the epoch's.
TEST_F(StepLog, HasTheOwnLossesOfTheSteps) {
  Orchestrator(config({"run.log_every=1ba"}), "test").train();
  const auto steps = events("step"), epochs = events("epoch");
  ASSERT_EQ(steps.size(), 12u);
  for (std::size_t epoch = 0; epoch < 4; ++epoch) {
    double sum = 0;
    for (std::size_t i = 0; i < 3; ++i) sum += steps[3 * epoch + i]["loss"].get<double>();
    EXPECT_NEAR(sum / 3, epochs[epoch]["train/loss"].get<double>(), 1e-12);
    EXPECT_FALSE(steps[epoch].contains("loss_scale"));
  }
}

TEST_F(StepLog, IsEmptyUnlessAskedFor) {
  Orchestrator(config({}), "test").train();
  EXPECT_TRUE(events("step").empty());
  for (const auto& [every, count] :
       std::map<std::string, std::size_t>{{"1ep", 4}, {"0.5ep", 6}, {"100ba", 0}}) {
    std::filesystem::remove_all(folder_ / "run");
    Orchestrator(config({"run.log_every=" + every}), "test").train();
    EXPECT_EQ(events("step").size(), count) << every;
  }
}

// Skipped steps are not logged, so that each number of a step comes once.
TEST_F(StepLog, LeavesSkippedStepsOut) {
  Orchestrator(config({"run.log_every=1ba", "precision={type: fp16, init_scale: 16777216}",
                       "data.normalize=none", "optimizer.lr=1"}),
               "test")
      .train();
  const auto logged = events("step");
  const auto epochs = events("epoch");
  i64 skipped = 0;
  for (const auto& epoch : epochs) skipped += epoch["skipped_steps"].get<i64>();
  EXPECT_EQ(static_cast<i64>(logged.size()) + skipped, 12);
  for (std::size_t i = 0; i < logged.size(); ++i)
    EXPECT_EQ(logged[i]["step"], static_cast<i64>(i + 1));
}

TEST_F(StepLog, IsNotDoubledByAResume) {
  const std::vector<std::string> keys{"run.log_every=1ba", "checkpoint.every=2ba"};
  testing_runs::expect_equal_after_a_stop(
      folder_ / "run", keys, {1, 4, 5, 9},
      [&](const std::vector<std::string>& overrides) { return config(overrides); });
}

TEST_F(StepLog, MayChangeWhenARunIsResumed) {
  EXPECT_TRUE(testing_runs::stopped_at(config({"run.log_every=1ba"}), 4));
  Orchestrator(config({"resume=auto", "run.log_every=0", "run.heartbeat=0s", "run.print_every=2ep",
                       "train.metrics=[accuracy]"}),
               "test")
      .train();
  EXPECT_EQ(events("step").size(), 4u);
}

}  // namespace
}  // namespace weft::train
