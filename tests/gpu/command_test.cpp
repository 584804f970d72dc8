// SPDX-License-Identifier: Apache-2.0
// run.device: cuda through the `weft` command.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include <nlohmann/json.hpp>

#include "weft/nn/safetensors.h"
#include "weft/testing/compare.h"
#include "weft/tests/app/run_command.h"
#include "weft/tests/gpu/tools.h"
#include "weft/tests/support/scratch_folder.h"
#include "weft/tests/train/run_files.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

using testing_app::Result;

class GpuCommand : public testing_gpu::OnGpu {
 protected:
  Result weft(const std::string& arguments) { return testing_app::run_command(folder_, arguments); }

  // Compares the last checkpoints of two runs.
  void expect_same_tensors(const std::string& run, const std::string& other,
                           const std::string& file) {
    const auto of = [&](const std::string& dir) {
      return read_safetensors((folder_ / dir / "checkpoints/last" / file).string());
    };
    const TensorMap here = of(run), there = of(other);
    ASSERT_EQ(here.size(), there.size()) << file;
    for (const auto& [name, value] : here)
      EXPECT_EQ(testing::difference_in_bytes(value, there.at(name)), "") << file << ": " << name;
  }

  // The same run with samples on the host and on the device.
  void samples_on_the_device(const std::string& augmented) {
    const auto train = [&](const std::string& dir, const std::string& more) {
      const Result result = weft(
          "train \"$WEFT_ROOT/configs/digits_mlp.yaml\" run.device=cuda "
          "data.train_size=300 data.test_size=40 "
          "data.validation_split=0.2 data.subset=205 model.hidden='[16]' model.dropout=0.2 "
          "train.epochs=3 train.batch_size=30 checkpoint.every=4ba checkpoint.keep_last=9 "
          "run.dir=" +
          dir + augmented + " " + more);
      EXPECT_EQ(result.code, 0) << result.output;
      return result.output;
    };
    const auto resident = [](const std::string& output) {
      return output.find(
                 "data: 205 training and 60 validation samples (0.2 MiB) lie on the device; "
                 "batches are gathered there") != std::string::npos;
    };
    EXPECT_FALSE(resident(train("host", "data.on_device=never data.workers=3")));
    EXPECT_TRUE(resident(train("device", "data.workers=4")));
    EXPECT_TRUE(resident(train("captured", "data.on_device=always train.capture=true")));
    EXPECT_TRUE(
        resident(train("resumed", "data.on_device=always resume=host/checkpoints/step-12")));
    EXPECT_FALSE(resident(train(
        "back", "data.on_device=never train.capture=true resume=captured/checkpoints/step-12")));
    for (const char* dir : {"device", "captured", "resumed", "back"})
      for (const char* file : {"model.safetensors", "optimizer.safetensors"})
        expect_same_tensors(dir, "host", file);
    for (const char* dir : {"device", "captured"})
      EXPECT_EQ(train::testing_runs::events_of(folder_ / dir),
                train::testing_runs::events_of(folder_ / "host"))
          << dir;
  }

  const test_support::ScratchFolder scratch_{"gpu-command"};
  const fs::path& folder_ = scratch_.path();
};

// Whole runs of the ready configs, reduced in size.
TEST_F(GpuCommand, TrainsTheDigitsMlp) {
  const std::string small =
      "run.device=cuda run.dir=run data.train_size=300 data.test_size=40 model.hidden='[16]' "
      "train.epochs=2 train.batch_size=32";
  const Result trained = weft("train \"$WEFT_ROOT/configs/digits_mlp.yaml\" " + small);
  ASSERT_EQ(trained.code, 0) << trained.output;
  EXPECT_NE(trained.output.find("test samples; cuda"), std::string::npos) << trained.output;
  EXPECT_NE(trained.output.find("epoch 2/2"), std::string::npos) << trained.output;
  const Result evaluated = weft("evaluate run");
  EXPECT_EQ(evaluated.code, 0) << evaluated.output;
  const Result exported = weft("export run out.safetensors");
  EXPECT_EQ(exported.code, 0) << exported.output;
}

TEST_F(GpuCommand, SlowFinetunesInStagesWithEveryCallback) {
  const Result trained = weft(
      "train \"$WEFT_ROOT/configs/finetune_staged_unfreeze.yaml\" run.device=cuda run.dir=run "
      "data.train_size=80 data.test_size=20 train.epochs=7 train.clip_norm=1 "
      "train.batch_size=40 'callbacks=[ema, gradient_monitor, nan_report, "
      "rollback]'");
  ASSERT_EQ(trained.code, 0) << trained.output;
  EXPECT_NE(trained.output.find("optimizer rebuilt"), std::string::npos) << trained.output;
}

TEST_F(GpuCommand, AutotunesItsProductsUnlessItMustBeDeterministic) {
  const std::string small =
      "train \"$WEFT_ROOT/configs/digits_mlp.yaml\" run.device=cuda run.dir=run "
      "data.train_size=300 data.test_size=40 model.hidden='[16]' "
      "train.epochs=1 train.capture=true run.autotune=true";
  const Result refused = weft(small + " run.atomics=true run.deterministic=true");
  EXPECT_EQ(refused.code, 2) << refused.output;
  for (const char* key : {"run.autotune", "run.atomics"})
    EXPECT_NE(
        refused.output.find(fmt::format("{}: expected false where deterministic is true", key)),
        std::string::npos)
        << refused.output;
  const Result trained = weft(small);
  EXPECT_EQ(trained.code, 0) << trained.output;
}

// With strategies and callbacks, captured steps give the same run bit by bit.
TEST_F(GpuCommand, CapturedStepsGiveTheSameWeights) {
  const auto train = [&](const std::string& dir, const std::string& more) {
    return weft(
        "train \"$WEFT_ROOT/configs/digits_mlp.yaml\" run.device=cuda "
        "data.train_size=200 data.test_size=20 "
        "model.hidden='[16, 12]' model.dropout=0.2 train.epochs=3 train.clip_norm=1 "
        "train.batch_size=20 validation.every=4ba "
        "'strategy={type: staged_unfreeze, stages: [{at: 0ep, train: [\"5.*\"]}, {at: 1ep, "
        "train: [\"*\"], lr_factor: 0.3}]}' 'callbacks=[ema, nan_report, rollback, {type: "
        "gradient_monitor, every: 4ba}]' run.dir=" +
        dir + " " + more);
  };
  const Result eager = train("eager", ""), captured = train("captured", "train.capture=true");
  ASSERT_EQ(eager.code, 0) << eager.output;
  ASSERT_EQ(captured.code, 0) << captured.output;
  EXPECT_EQ(eager.output.find("capture:"), std::string::npos) << eager.output;
  EXPECT_NE(captured.output.find("capture: steps of a batch of 20 samples are"), std::string::npos)
      << captured.output;
  for (const char* file : {"model.safetensors", "ema.safetensors", "optimizer.safetensors"})
    expect_same_tensors("captured", "eager", file);
}

// The metrics are not those of an earlier validation while the host has no report of later steps.
TEST_F(GpuCommand, ACheckpointHasTheMetricsOfItsOwnStep) {
  for (const char* more : {"train.clip_norm=1", "train.capture=true"}) {
    const Result trained = weft(
        "train \"$WEFT_ROOT/configs/digits_mlp.yaml\" run.device=cuda "
        "data.train_size=240 data.test_size=20 "
        "model.hidden='[16]' train.epochs=1 train.batch_size=20 validation.every=2ba "
        "checkpoint.every=3ba checkpoint.keep_last=9 run.dir=run " +
        std::string(more));
    ASSERT_EQ(trained.code, 0) << trained.output;
    for (const i64 step : {3, 6, 9}) {
      const fs::path saved = folder_ / "run/checkpoints" / fmt::format("step-{}", step);
      std::ifstream file(saved / "trainer_state.json");
      EXPECT_EQ(nlohmann::json::parse(file)["metrics"].contains("validation/accuracy"),
                step % 2 == 0)
          << saved;
    }
    fs::remove_all(folder_ / "run");
  }
}

TEST_F(GpuCommand, CapturedStepsResumeToTheSameWeights) {
  const std::string line =
      "train \"$WEFT_ROOT/configs/digits_mlp.yaml\" run.device=cuda "
      "data.train_size=300 data.test_size=40 "
      "model.hidden='[16]' model.dropout=0.2 train.epochs=2 train.batch_size=30 train.capture=true "
      "checkpoint.every=4ba checkpoint.keep_last=9 run.dir=";
  const Result whole = weft(line + "whole");
  ASSERT_EQ(whole.code, 0) << whole.output;
  const auto resume = [&](const std::string& dir, const std::string& more) {
    const Result resumed = weft(line + dir + " resume=whole/checkpoints/step-12 " + more);
    EXPECT_EQ(resumed.code, 0) << resumed.output;
    for (const char* file : {"model.safetensors", "optimizer.safetensors"})
      expect_same_tensors(dir, "whole", file);
    return resumed.output.find("capture: steps of") != std::string::npos;
  };
  EXPECT_TRUE(resume("captured", ""));
  EXPECT_FALSE(resume("op_by_op", "train.capture=false"));
}

// Samples on the device, held-out and selected ones, give the same run as samples of the loader,
// as they are stored, and augmented and mixed. This also holds for a run that is resumed in the
// middle of an epoch of the other kind.
TEST_F(GpuCommand, SlowSamplesOnTheDeviceGiveTheSameRun) { samples_on_the_device(""); }

TEST_F(GpuCommand, SlowAugmentedSamplesOnTheDeviceGiveTheSameRun) {
  samples_on_the_device(
      " data.augment='[{type: crop, padding: 2}, flip, {type: cutout, size: 6}]' "
      "data.mix='{type: cutmix, probability: 0.6}'");
}

// The emulated library would choose its first algorithm; the checkpoint of an autotuned run has the
// second.
TEST_F(GpuCommand, AResumedRunComputesWithTheCheckpointsPlans) {
  const auto plans_of = [&](const std::string& dir, const std::string& more) {
    const Result result = weft(
        "train \"$WEFT_ROOT/configs/digits_mlp.yaml\" run.device=cuda data.train_size=200 "
        "data.test_size=20 model.hidden='[16]' train.batch_size=20 run.dir=" +
        dir + " " + more);
    EXPECT_EQ(result.code, 0) << result.output;
    EXPECT_EQ(result.output.find("plan"), std::string::npos) << result.output;
    std::ifstream file(folder_ / dir / "checkpoints/last/trainer_state.json");
    return nlohmann::json::parse(file)["state"]["library_plans"]["matmul"]
        .get<std::set<std::vector<i64>>>();
  };
  constexpr std::size_t kAlgorithm = 15;
  const auto tuned = plans_of("tuned", "train.epochs=1 run.autotune=true"),
             resumed = plans_of("resumed", "train.epochs=2 resume=tuned"),
             fresh = plans_of("fresh", "train.epochs=1");
  EXPECT_GT(tuned.size(), 4u);
  for (const auto& plan : tuned) {
    EXPECT_EQ(plan.at(kAlgorithm), 1);
    EXPECT_TRUE(resumed.contains(plan));
  }
  for (const auto& plan : fresh) EXPECT_EQ(plan.at(kAlgorithm), 0);
}

TEST_F(GpuCommand, SaysWhatItWasBuiltFor) {
  EXPECT_NE(weft("--version").output.find("devices: cpu, cuda ("), std::string::npos);
  const Result wrong =
      weft("train \"$WEFT_ROOT/configs/digits_mlp.yaml\" run.device=gpu run.dir=run");
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.output.find("known: auto, cpu, cuda"), std::string::npos) << wrong.output;
}

}  // namespace
}  // namespace weft
