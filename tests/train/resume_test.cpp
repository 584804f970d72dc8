// SPDX-License-Identifier: Apache-2.0
// The law of resuming: a run that was interrupted at any batch and resumed gives the same bytes as
// an uninterrupted run.
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/tests/train/run_files.h"
#include "weft/tests/train/small_models.h"
#include "weft/core/config/config.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train {
namespace {

using namespace testing_runs;
using Keys = std::vector<std::string>;

constexpr const char* kResumed = R"(
run: {seed: 3}
data: {type: tiny_for_resume, validation_split: 0.2}
model: {type: mlp, hidden: [12]}
optimizer: {type: adamw, lr: 3e-3}
train: {epochs: 3, batch_size: 24}
checkpoint: {every: 2ba, keep_last: 2}
)";

const bool registered = Registry<data::Dataset>::add<NoOptions>(
    "tiny_for_resume", [](const NoOptions&) { return testing_models::tiny_splits(125); });

struct Broken : std::exception {};

// Lets training fail once, at the fourth batch of the second epoch.
struct FailsOnce : Callback {
  void state(State& s) override { s("failed", failed_); }
  void on_batch_begin(Trainer&, const BatchInProgress& batch) override {
    if (batch.epoch == 2 && batch.batch_idx == 4 && !std::exchange(failed_, true))
      throw TrainingError("made up");
  }

 private:
  bool failed_ = false;
};
const bool registered_failure = Registry<Callback>::add<FailsOnce>("fails_once_for_resume");

// Interrupts a run at its n-th batch by a stop, or by an exception as in a crash.
struct BreakOff : Callback {
  enum class How { stop, die };
  BreakOff(i64 at, How how) : at_(at), how_(how) {}
  void on_batch_begin(Trainer&, const BatchInProgress&) override {
    if (++count_ < at_) return;
    if (how_ == How::die) throw Broken();
    stop.request_stop();
  }
  std::stop_source stop;

 private:
  i64 at_, count_ = 0;
  How how_;
};

class Resuming : public InScratchFolder {
 protected:
  Resuming() : InScratchFolder("resume") {}

  RunConfig config(const std::string& name, Keys keys) const {
    keys.push_back("run.dir=" + dir(name).string());
    return config::load_text<RunConfig>(kResumed, "test.yaml", keys).value;
  }
  static RunReport train(const RunConfig& config) {
    Orchestrator run(config, "test");
    return run.train();
  }
  // True when the run reached its n-th batch.
  static bool broken_off(const RunConfig& config, i64 batch, BreakOff::How how) {
    Orchestrator run(config, "test");
    const auto breaks = std::make_shared<BreakOff>(batch, how);
    run.add_callback(breaks);
    try {
      return run.train(breaks->stop.get_token()).stopped;
    } catch (const Broken&) {
      return true;
    }
  }

  // Interrupts a run at each of the given batches, in both ways. Resumes each run with the keys
  // `later`.
  void expect_law(const Keys& keys, const std::vector<i64>& batches, const Keys& later = {}) {
    train(config("whole", keys));
    const auto expected = outcome_of(dir("whole"));
    ASSERT_FALSE(expected.at("metrics").empty());
    for (const BreakOff::How how : {BreakOff::How::stop, BreakOff::How::die})
      for (const i64 batch : batches) {
        const std::string name =
            fmt::format("{}-{}", how == BreakOff::How::stop ? "stop" : "die", batch);
        fs::remove_all(dir(name));
        ASSERT_TRUE(broken_off(config(name, keys), batch, how)) << name;
        Keys again = keys;
        again.insert(again.end(), later.begin(), later.end());
        again.push_back("resume=auto");
        train(config(name, again));
        EXPECT_EQ(outcome_of(dir(name)), expected) << name;
        fs::remove_all(dir(name));
      }
    fs::remove_all(dir("whole"));
  }
};

const std::vector<i64> kEvery{1, 2,  3,  4,  5,  6,  7, 8,
                              9, 10, 11, 12, 13, 14, 15};  // 5 batches an epoch

TEST_F(Resuming, SlowAtEveryBatch) { expect_law({}, kEvery); }

TEST_F(Resuming, SlowInsideAnAccumulationWindow) {
  expect_law({"train.accumulate=3", "checkpoint.every=1ba", "train.clip_norm=0.5"}, kEvery);
}

TEST_F(Resuming, WithDropoutAndBatchNorm) {
  expect_law({"model={type: cnn, channels: [2, 3], hidden: 8, dropout: 0.3}",
              "optimizer={type: sgd, lr: 0.05, momentum: 0.9}"},
             {3, 7, 10});
}

// The loss scale rises every third step and falls after an overflow. A resumed run continues with
// the scale and its count of steps.
TEST_F(Resuming, SlowInHalfPrecision) {
  expect_law({"precision={type: fp16, init_scale: 4194304, growth_interval: 3}"}, kEvery);
  expect_law({"precision=bf16"}, {4, 7});
}

TEST_F(Resuming, WithAnAverageOfTheWeights) {
  expect_law({"callbacks=[{type: ema, decay: 0.9}]", "validation.every=2ba"}, {2, 5, 8});
}

TEST_F(Resuming, WithAnAverageOfStatisticsToo) {
  expect_law({"callbacks=[{type: ema, decay: 0.9}]", "model={type: cnn, channels: [2], hidden: 4}"},
             {3, 8});
}

TEST_F(Resuming, BeforeAndAfterAnUnfreeze) {
  expect_law(
      {"strategy={type: staged_unfreeze, stages: [{at: 0ep, train: ['7.*']}, "
       "{at: 6ba, train: ['*'], lr_factor: 0.3}, {at: 2ep, freeze: ['*bias'], lr_factor: 0.1}]}",
       "model={type: mlp, hidden: [8, 8, 8]}"},
      {4, 6, 7, 8, 10, 11, 13});
}

TEST_F(Resuming, WithAFrozenBatchNormAndAScheduleThatStartsAgain) {
  expect_law(
      {"model={type: cnn, channels: [2, 3], hidden: 8, dropout: 0}",
       "strategy={type: chain, strategies: [{type: staged_unfreeze, stages: [{at: 0ep, train: "
       "['classifier.*', 'features.*.bias']}, {at: 4ba, train: ['*']}]}, "
       "{type: freeze_batch_norm, at: 7ba}]}",
       "scheduler={type: cosine, on_rebuild: restart}"},
      {4, 5, 7, 8, 11});
}

TEST_F(Resuming, OfAChainWhoseStrategiesAreNowAList) {
  const std::string strategies =
      "[{type: staged_unfreeze, stages: [{at: 0ep, train: ['classifier.*']}, {at: 4ba, train: "
      "['*']}]}, {type: freeze_batch_norm, at: 7ba}]";
  expect_law({"model={type: cnn, channels: [2, 3], hidden: 8, dropout: 0}",
              "strategy={type: chain, strategies: " + strategies + "}"},
             {5, 8}, {"strategy=" + strategies});
}

TEST_F(Resuming, WithCallbacksAndAStrategyThatAreSwitchedOff) {
  const Keys keys{
      "callbacks=[{type: early_stopping, patience: 1, min_delta: 9, enabled: false}, "
      "{type: ema, decay: 0.9}]",
      "strategy={type: staged_unfreeze, stages: [{at: 0ep, train: ['3.*']}], "
      "enabled: false}"};
  expect_law(keys, {3, 8});

  train(config("run", keys));
  const CheckpointReader checkpoint(dir("run") / "checkpoints/last");
  EXPECT_TRUE(checkpoint.has("callbacks.1.ema"));
  EXPECT_FALSE(checkpoint.has("callbacks.0.early_stopping"));
  EXPECT_FALSE(checkpoint.has("strategy"));
  EXPECT_EQ(checkpoint.about().epoch, 3);  // not ended early
  // No parameter was frozen.
  train(config("plain", {"callbacks=[{type: ema, decay: 0.9}]"}));
  for (const char* part : {"metrics", "model.safetensors", "ema.safetensors"})
    EXPECT_EQ(outcome_of(dir("run"))[part], outcome_of(dir("plain"))[part]) << part;
}

TEST_F(Resuming, WithScheduleThatWatchesAndEarlyStopping) {
  expect_law(
      {"scheduler={type: plateau, monitor: validation/loss, patience: 1}", "validation.every=2ba",
       "callbacks=[{type: early_stopping, patience: 6}, {type: gradient_monitor, every: 3ba}]"},
      {2, 4, 5, 6, 10, 11});
}

TEST_F(Resuming, WhenSomethingElseEndsTheRun) {
  expect_law({"train.max_steps=7"}, {2, 5, 6, 7});
  expect_law({"train.max_steps=10"}, {6, 10});
  expect_law({"optimizer.lr=1e-9", "callbacks=[{type: early_stopping, patience: 2, min_delta: 1}]",
              "validation.every=2ba"},
             {3, 5, 6});
}

TEST_F(Resuming, WithAnyNumberOfLoaderWorkers) {
  for (const char* workers : {"0", "2", "4"})
    expect_law({"data.workers=1"}, {3, 5, 12}, {std::string("data.workers=") + workers});
}

TEST_F(Resuming, WithAugmentationAndAnyNumberOfLoaderWorkers) {
  const std::string augment =
      "data.augment=[{type: crop, padding: 1}, flip, {type: affine, degrees: 10}, "
      "{type: color_jitter, brightness: 0.2}, {type: cutout, size: 2}]";
  for (const char* workers : {"0", "2", "8"})
    expect_law({augment, "data.workers=1"}, {3, 5, 12}, {std::string("data.workers=") + workers});
  train(config("with", {augment}));
  train(config("without", {}));
  EXPECT_NE(outcome_of(dir("with")), outcome_of(dir("without")));
  train(config("other", {augment, "train.epochs=2"}));
  EXPECT_THROW(train(config("other", {"resume=auto"})), UserError) << "another augmentation";
}

TEST_F(Resuming, WithMixedBatches) {
  for (const char* mix : {"data.mix={type: mixup, alpha: 0.4}", "data.mix=cutmix"})
    expect_law({mix, "data.augment=[flip]", "train.accumulate=2", "checkpoint.every=1ba",
                "loss.label_smoothing=0.1", "data.workers=1"},
               {3, 5, 8, 12}, {"data.workers=3"});
  train(config("with", {"data.mix=mixup"}));
  train(config("without", {}));
  EXPECT_NE(outcome_of(dir("with")), outcome_of(dir("without")));
  train(config("other", {"data.mix=mixup", "train.epochs=2"}));
  EXPECT_THROW(train(config("other", {"resume=auto"})), UserError) << "without mixing";
}

TEST_F(Resuming, WithASubsetInValidation) {
  expect_law({"validation.subset=7"}, {3, 5, 8, 15});
  expect_law({"validation.subset=7", "validation.every=2ba",
              "scheduler={type: plateau, monitor: validation/loss, patience: 1}"},
             {2, 5, 8, 14});
  // It may change where nothing but the log depends on it.
  train(config("run", {"validation.subset=7", "train.epochs=2"}));
  Log log;
  train(config("run", {"validation.subset=9", "resume=auto"}));
  EXPECT_TRUE(log.has("resume: validation.subset: 7 -> 9")) << log.text();
  train(config("watched", {"validation.subset=7", "train.epochs=2", "scheduler=plateau"}));
  EXPECT_THROW(train(config("watched", {"scheduler=plateau", "resume=auto"})), UserError);
}

TEST_F(Resuming, WithOtherSamplers) {
  expect_law({"data.sampler=weighted", "data.drop_last=true", "data.workers=1"}, {3, 5, 12},
             {"data.workers=3"});
  expect_law({"data.sampler={type: subset, indices: [1, 4, 9, 16, 25, 36, 49, 64, 81, 2, 3, 5, 7, "
              "11, 13, 17, 19, 23, 29, 31]}",
              "train.batch_size=4"},
             {3, 7});
}

TEST_F(Resuming, AgainAndAgain) {
  ASSERT_TRUE(registered);
  train(config("whole", {}));
  for (int tries = 0; tries < 40; ++tries)
    if (!broken_off(config("often", {"resume=auto"}), 3, BreakOff::How::die)) break;
  EXPECT_EQ(outcome_of(dir("often")), outcome_of(dir("whole")));
}

TEST_F(Resuming, OfAFinishedRunDoesNothingAndLogsNothingTwice) {
  train(config("run", {}));
  const auto before = outcome_of(dir("run"));
  const auto names = checkpoints_in(dir("run") / "checkpoints");
  const RunReport again = train(config("run", {"resume=auto"}));
  EXPECT_EQ(again.steps, 15);
  EXPECT_TRUE(again.test.has_value());
  EXPECT_EQ(outcome_of(dir("run")), before);
  EXPECT_TRUE(checkpoints_in(dir("run") / "checkpoints") == names);
}

TEST_F(Resuming, WithMoreEpochs) {
  train(config("run", {"scheduler=constant"}));
  Log log;
  EXPECT_EQ(train(config("run", {"scheduler=constant", "train.epochs=5", "resume=auto"})).epochs,
            5);
  EXPECT_TRUE(log.has("resume: train.epochs: 3 -> 5")) << log.text();
  train(config("whole", {"scheduler=constant", "train.epochs=5"}));
  const auto resumed = outcome_of(dir("run")), whole = outcome_of(dir("whole"));
  EXPECT_EQ(resumed.at("model.safetensors"), whole.at("model.safetensors"));
  EXPECT_EQ(resumed.at("table"), whole.at("table"));
}

// The first rollbacks go back to the initial weights, because the loss of the checkpoints is out of
// range; a run that was stopped has checkpoints besides, which do not count.
TEST_F(Resuming, SlowBetweenRollbacks) {
  const Keys keys{"callbacks=[{type: rollback, lr_factor: 0.01, times: 9}]",
                  "optimizer={type: sgd, lr: 1e7, momentum: 0.5}"};
  expect_law(keys, {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15});
  const Log log;
  EXPECT_EQ(train(config("run", keys)).failed, "");
  EXPECT_TRUE(log.has("back to the initial weights, every learning rate × 0.01")) << log.text();
}

TEST_F(Resuming, BeforeAndAfterARollbackToACheckpoint) {
  ASSERT_TRUE(registered_failure);
  for (const char* to : {"last", "best"}) {
    const Keys keys{
        fmt::format("callbacks=[{{type: rollback, to: {}}}, fails_once_for_resume]", to),
        "validation.every=2ba"};
    expect_law(keys, {3, 6, 7, 8, 9, 10, 11, 14});
    const Log log;
    train(config("run", keys));
    EXPECT_TRUE(log.has("back to the weights of step ")) << log.text();
    fs::remove_all(dir("run"));
  }
}

// A failure that a callback repairs restarts the epoch, also an epoch that was resumed inside.
TEST_F(Resuming, ThenRollsBack) {
  const Keys keys{"callbacks=[rollback]", "checkpoint.every=2ba"};
  ASSERT_TRUE(broken_off(config("run", keys), 8, BreakOff::How::stop));
  struct Fails : Callback {
    bool failed = false;
    void on_batch_begin(Trainer&, const BatchInProgress& batch) override {
      if (batch.batch_idx == 5 && !std::exchange(failed, true)) throw TrainingError("made up");
    }
  };
  Keys again = keys;
  again.push_back("resume=auto");
  Orchestrator run(config("run", again), "test");
  run.add_callback(std::make_shared<Fails>());
  EXPECT_EQ(run.train().epochs, 3);
  EXPECT_EQ(events_of(dir("run")).size(), 5u);  // three epochs, the rollback and the test
}

}  // namespace
}  // namespace weft::train
