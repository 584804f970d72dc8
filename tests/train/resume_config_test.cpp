// SPDX-License-Identifier: Apache-2.0
// The checkpoints that a run may resume from, and the keys that may change.
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

constexpr const char* kEdited = R"(
data: {type: changing_for_test, validation_split: 0.2}
model: {type: mlp, hidden: [8]}
optimizer: {type: adamw, lr: 1e-3}
train: {epochs: 2, batch_size: 20}
checkpoint: {every: 2ba, keep_last: 9}
)";

i64 samples_there_are = 100;
const bool registered_changing = Registry<data::Dataset>::add<NoOptions>(
    "changing_for_test", [](const NoOptions&) -> data::TrainAndTest {
      return testing_models::tiny_splits(samples_there_are);
    });

class ResumeConfig : public InScratchFolder {
 protected:
  ResumeConfig() : InScratchFolder("resume-config") {}

  static RunConfig config(const Keys& keys) {
    return config::load_text<RunConfig>(kEdited, "test.yaml", keys).value;
  }
  RunReport train(Keys keys, const std::string& name = "run") const {
    keys.push_back("run.dir=" + dir(name).string());
    Orchestrator run(config(keys), "test");
    return run.train();
  }
  std::string refusal(const Keys& keys, const std::string& name = "run") const {
    try {
      train(keys, name);
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  }
  static std::string changes(const Keys& before, const Keys& after) {
    try {
      check_changes(config(before), config(after));
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  }
};

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(ResumeConfig, WhatMayChange) {
  Log log;
  EXPECT_EQ(changes({}, {"train.epochs=5", "train.max_steps=90", "checkpoint.every=1ep",
                         "run.threads=3", "dist={timeout: 5, sync_batch_norm: false}",
                         "data.workers=0", "run.dir=elsewhere", "resume=auto"}),
            "accepted");
  EXPECT_TRUE(log.has("resume: train.epochs: 2 -> 5")) << log.text();
  EXPECT_TRUE(log.has("resume: checkpoint.every: 2ba -> 1ep")) << log.text();
  EXPECT_TRUE(log.has("resume: dist.timeout: 60 -> 5")) << log.text();
  EXPECT_FALSE(log.has("run.dir")) << log.text();

  const std::string one = changes({}, {"optimizer.lr=1e-2"});
  EXPECT_HAS(one, "optimizer.lr: 0.001 -> 0.01");
  EXPECT_HAS(one, "(resume_override: [optimizer.lr])");
  EXPECT_EQ(changes({}, {"optimizer.lr=1e-2", "resume_override=[optimizer.lr]"}), "accepted");
  EXPECT_EQ(changes({}, {"optimizer.lr=1e-2", "resume_override=[optimizer]"}), "accepted");
  EXPECT_EQ(changes({}, {"optimizer.lr=1e-2", "resume_override=[\"optimizer.*\"]"}), "accepted");
  EXPECT_EQ(changes({}, {"scheduler=cosine", "resume_override=[scheduler]"}), "accepted");
  EXPECT_HAS(changes({}, {"optimizer.lr=1e-2", "resume_override=[scheduler]"}), "optimizer.lr");
  EXPECT_HAS(changes({}, {"resume_override=[run.seed]"}), "keys of optimizer or scheduler");

  EXPECT_HAS(changes({}, {"run.tf32=true"}), "run.tf32");
  EXPECT_EQ(changes({"run.tf32=false"}, {}), "accepted");

  // All changes are reported at once.
  const std::string all = changes({}, {"run.seed=4", "train.batch_size=10", "model.hidden=[9]",
                                       "callbacks=[{type: ema}]", "optimizer.lr=1"});
  for (const char* key : {"run.seed: 0 -> 4", "train.batch_size: 20 -> 10", "model.hidden",
                          "callbacks", "optimizer.lr"})
    EXPECT_HAS(all, key);
}

TEST_F(ResumeConfig, TheSameInOtherWordsIsNoChange) {
  const std::string frozen = "{type: freeze_batch_norm, at: 1ep}",
                    resized = "{type: progressive_resize, stages: [{at: 0ep, shrink: 2}]}";
  const std::string list = "strategy=[" + frozen + ", " + resized + "]";
  const std::string chained =
      "strategy={type: chain, strategies: [" + frozen + ", " + resized + "]}";
  Log log;
  EXPECT_EQ(changes({chained}, {list}), "accepted");
  EXPECT_EQ(changes({list}, {chained}), "accepted");
  EXPECT_EQ(changes({"strategy=" + frozen}, {"strategy=[" + frozen + "]"}), "accepted");
  EXPECT_EQ(changes({"strategy=null"}, {"strategy=[]"}), "accepted");
  EXPECT_EQ(changes({"callbacks=[ema]"}, {"callbacks=[{type: ema, enabled: true}]"}), "accepted");
  EXPECT_EQ(log.text(), "");
  EXPECT_HAS(changes({list}, {"strategy=[" + resized + ", " + frozen + "]"}), "strategy: [");
  EXPECT_HAS(changes({list}, {"strategy=" + frozen}), "strategy.at: none -> 1ep");
  EXPECT_HAS(changes({"callbacks=[ema]"}, {"callbacks=[{type: ema, enabled: false}]"}),
             "enabled: false");
}

TEST_F(ResumeConfig, ARefusedChangeTouchesNothing) {
  train({});
  const auto before = outcome_of(dir());
  EXPECT_HAS(refusal({"resume=auto", "run.seed=1"}), "run.seed: 0 -> 1");
  EXPECT_HAS(refusal({"resume=auto", "optimizer=sgd"}), "optimizer");
  EXPECT_EQ(outcome_of(dir()), before);
}

// An epoch has 4 steps.
TEST_F(ResumeConfig, ARunThatMaxStepsHasEndedGoesOnWithAHigherLimit) {
  train({"train.max_steps=6"}, "whole");
  for (const char* first : {"3", "4", "5"}) {
    fs::remove_all(dir());
    EXPECT_EQ(train({std::string("train.max_steps=") + first}).steps, std::stoi(first));
    // An equal or lower limit trains nothing.
    for (const char* limit : {first, "2"})
      EXPECT_EQ(train({"resume=auto", std::string("train.max_steps=") + limit}).steps,
                std::stoi(first));
    const RunReport report = train({"resume=auto", "train.max_steps=6"});
    EXPECT_EQ(report.steps, 6);
    for (const char* part : {"model.safetensors", "optimizer.safetensors"})
      EXPECT_EQ(outcome_of(dir())[part], outcome_of(dir("whole"))[part]) << first << part;
    const std::vector<std::string> events = events_of(dir());
    EXPECT_HAS(events[events.size() - 2], "\"epoch\":2,\"step\":6,\"samples\":120");
  }
  EXPECT_EQ(train({"resume=auto", "train.max_steps=0"}).steps, 8);
  EXPECT_EQ(train({"resume=auto", "train.epochs=3"}).steps, 12);
}

TEST_F(ResumeConfig, AnotherOptimizerAndScheduleBeginAnew) {
  train({});
  Log log;
  const RunReport report = train(
      {"resume=auto", "train.epochs=3", "optimizer={type: sgd, lr: 0.1, momentum: 0.9}",
       "scheduler={type: plateau, monitor: train/loss}", "resume_override=[optimizer, scheduler]"});
  EXPECT_EQ(report.epochs, 3);
  EXPECT_TRUE(log.has("is of another kind than momentum; it starts at zero")) << log.text();
}

TEST_F(ResumeConfig, AutoInAnEmptyFolderBegins) {
  Log log;
  EXPECT_EQ(train({"resume=auto"}).epochs, 2);
  EXPECT_TRUE(log.has("holds no run yet; the run begins")) << log.text();
  // The run was killed before its first checkpoint.
  log.clear();
  fs::remove_all(dir() / "checkpoints");
  EXPECT_EQ(train({"resume=auto"}).epochs, 2);
  EXPECT_TRUE(log.has("has no checkpoint yet; the run begins again")) << log.text();
  EXPECT_EQ(events_of(dir()).size(), 3u);
  EXPECT_HAS(refusal({}), "resume=auto goes on with it");
  try {
    find_resume(config({"resume=auto"}));
    FAIL();
  } catch (const UserError& error) {
    EXPECT_HAS(std::string(error.what()), "auto is given without run.dir");
  }
}

TEST_F(ResumeConfig, DamagedCheckpointsAreRefusedWithAReason) {
  train({});
  const auto whole = outcome_of(dir());
  fs::resize_file(dir() / "checkpoints/step-8/model.safetensors", 100);
  fs::remove(dir() / "checkpoints/step-6/manifest.json");
  Log log;
  train({"resume=auto"});
  EXPECT_TRUE(log.has("warning: resume: step-8 is refused: ")) << log.text();
  EXPECT_TRUE(log.has("warning: resume: step-6 is refused: ")) << log.text();
  EXPECT_TRUE(log.has("step-4: 4 steps, 1 epoch and 0 batches are done")) << log.text();
  EXPECT_EQ(outcome_of(dir()), whole);
  EXPECT_TRUE(fs::exists(dir() / "checkpoints/step-8-2"));

  for (const CheckpointName& name : checkpoints_in(dir() / "checkpoints"))
    fs::remove(dir() / "checkpoints" / name.text() / "manifest.json");
  EXPECT_HAS(refusal({"resume=auto"}), "has no checkpoint that is good");
}

TEST_F(ResumeConfig, FromAPath) {
  train({});
  const auto whole = outcome_of(dir());
  const std::string older = (dir() / "checkpoints/step-4").string();
  EXPECT_HAS(refusal({"resume=" + older}), "is not the newest checkpoint");
  EXPECT_HAS(refusal({"resume=" + (folder_ / "nothing").string()}), "is neither a checkpoint nor");
  // The run continues in another folder, which gets the metrics up to the checkpoint.
  train({"resume=" + older}, "other");
  EXPECT_EQ(outcome_of(dir("other")), whole);
  EXPECT_FALSE(fs::exists(dir("other") / "checkpoints/step-4"));
  EXPECT_HAS(refusal({"resume=" + older}, "other"), "holds a run already");
  // PATH may be a run or a link, also without run.dir.
  EXPECT_EQ(train({"resume=" + dir().string()}).steps, 8);
  EXPECT_EQ(train({"resume=" + (dir() / "checkpoints/last").string()}).steps, 8);
  Orchestrator run(config({"resume=" + dir().string(), "train.epochs=3"}), "test");
  EXPECT_EQ(run.train().folder, dir().string());
}

TEST_F(ResumeConfig, FromACheckpointThatLiesAlone) {
  train({});
  const auto whole = outcome_of(dir());
  fs::copy(dir() / "checkpoints/step-4", folder_ / "alone", fs::copy_options::recursive);
  Log log;
  train({"resume=" + (folder_ / "alone").string()}, "other");
  EXPECT_TRUE(log.has("metrics.jsonl begins after it")) << log.text();
  EXPECT_EQ(outcome_of(dir("other")).at("model.safetensors"), whole.at("model.safetensors"));
  EXPECT_EQ(events_of(dir("other")).size(), 2u);  // the second epoch and the test
  // If its metrics were cut, the run continues, and says what is gone.
  fs::resize_file(dir() / "metrics.jsonl", 10);
  log.clear();
  EXPECT_EQ(train({"resume=auto"}).steps, 8);
  EXPECT_TRUE(log.has("metrics.jsonl was cut since the checkpoint")) << log.text();
}

TEST_F(ResumeConfig, SaysWhenItCannotBeBitExact) {
  const std::map<std::string, std::string> before{{"threads", "4"}, {"weft", "1"}},
      now{{"threads", "2"}, {"weft", "1"}, {"vector_set", "avx2"}};
  EXPECT_EQ(not_bit_exact(before, now), "threads 4 -> 2, vector_set unknown -> avx2");
  EXPECT_EQ(not_bit_exact(now, now), "");
}

TEST_F(ResumeConfig, OneProcessAtATime) {
  const RunFolder first = RunFolder::reuse(dir().string());
  EXPECT_THROW(RunFolder::reuse(dir().string()), UserError);
}

TEST_F(ResumeConfig, OtherDataIsRefused) {
  train({"train.epochs=1"});
  samples_there_are = 120;
  const std::string message = refusal({"train.epochs=2", "resume=auto"});
  samples_there_are = 100;
  EXPECT_HAS(message, "resume: run: the saved state does not fit (loader.samples was 80");
  EXPECT_TRUE(registered_changing);
}

}  // namespace
}  // namespace weft::train
