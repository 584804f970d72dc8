// SPDX-License-Identifier: Apache-2.0
// Checkpoints on the disk: incomplete ones are refused, and old ones are removed by rule.
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/error.h"
#include "weft/tests/train/run_files.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/checkpoint/checkpoints.h"
#include "weft/train/checkpoint/manifest.h"

namespace weft::train {
namespace {

using namespace testing_runs;

class CheckpointFiles : public InScratchFolder {
 protected:
  CheckpointFiles() : InScratchFolder("checkpoint") {}

  static Snapshot small(double metric = 1) {
    TensorMap tensors{{"trainer.average", Tensor::full({3}, 0.5)}};
    StateParts parts{{"trainer", {R"({"steps":7})", {}}}};
    Snapshot snapshot;
    snapshot.add(kModelFile, TensorMap{{"weight", Tensor::full({2, 2}, 1.5)}}, {{"format", "pt"}});
    snapshot.add(
        kTrainerStateFile,
        trainer_state_text({.step = 7, .metrics = {{"validation/loss", metric}}}, parts, tensors));
    snapshot.add(kOptimizerFile, tensors);
    return snapshot;
  }
  static std::string refusal(const fs::path& checkpoint) {
    try {
      const CheckpointReader reader(checkpoint);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }
  // Names of checkpoints, oldest first.
  std::vector<std::string> kept() const {
    std::vector<std::string> names;
    for (const CheckpointName& name : checkpoints_in(folder_)) names.push_back(name.text());
    return names;
  }
  std::string target(const char* link) const { return fs::read_symlink(folder_ / link).string(); }
};

TEST_F(CheckpointFiles, GiveBackWhatWasSaved) {
  small().write(folder_ / "step-7");
  const CheckpointReader reader(folder_ / "step-7");
  EXPECT_EQ(reader.about().step, 7);
  EXPECT_EQ(reader.about().metrics.at("validation/loss"), 1);
  EXPECT_EQ(reader.part("trainer").json, R"({"steps":7})");
  EXPECT_EQ(reader.part("trainer").tensors.at("average").to_vector<float>(),
            std::vector<float>(3, 0.5F));
  EXPECT_THROW(reader.part("callbacks.0.ema"), UserError);
}

TEST_F(CheckpointFiles, EveryTruncationAndBitFlipIsRefused) {
  const fs::path checkpoint = folder_ / "step-7";
  small().write(checkpoint);
  int tried = 0;
  for (const char* file : {kModelFile, kOptimizerFile, kTrainerStateFile, kManifestFile}) {
    const std::string whole = text_of(checkpoint / file);
    ASSERT_FALSE(whole.empty());
    const auto expect_refusal = [&](const std::string& damaged, std::size_t at) {
      write(checkpoint / file, damaged);
      const std::string message = refusal(checkpoint);
      ++tried;
      ASSERT_NE(message.find(checkpoint.string()), std::string::npos)
          << file << ", byte " << at << ": " << message;
      ASSERT_EQ(message.find('\n'), std::string::npos) << message;
    };
    for (std::size_t at = 0; at < whole.size(); ++at) {
      expect_refusal(whole.substr(0, at), at);
      for (int bit = 0; bit < 8; ++bit) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
        expect_refusal(damaged, at);
      }
    }
    expect_refusal(whole + "x", whole.size());
    fs::remove(checkpoint / file);
    EXPECT_NE(refusal(checkpoint), "");
    write(checkpoint / file, whole);
  }
  EXPECT_EQ(refusal(checkpoint), "");
  EXPECT_GT(tried, 8'000);
}

TEST_F(CheckpointFiles, RefusalsSayWhatIsWrong) {
  const fs::path checkpoint = folder_ / "step-7";
  small().write(checkpoint);
  const std::string model = text_of(checkpoint / kModelFile);
  write(checkpoint / kModelFile, model.substr(0, 20));
  EXPECT_NE(refusal(checkpoint)
                .find(fmt::format("has 20 bytes; {} are required, it is cut off", model.size())),
            std::string::npos)
      << refusal(checkpoint);
  std::string damaged = model;
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  write(checkpoint / kModelFile, damaged);
  EXPECT_NE(refusal(checkpoint).find("model.safetensors is damaged: its SHA-256 is"),
            std::string::npos);
  fs::remove(checkpoint / kManifestFile);
  EXPECT_NE(refusal(checkpoint).find("it has no manifest.json"), std::string::npos);
  // This one is valid, but of another version.
  write(checkpoint / kModelFile, model);
  Snapshot later;
  later.add(kModelFile, TensorMap{});
  later.add(kTrainerStateFile, std::string(R"({"schema": 99})"));
  later.add(kOptimizerFile, TensorMap{});
  later.write(folder_ / "later");
  EXPECT_NE(refusal(folder_ / "later").find("is of schema 99; schema 2 is required"),
            std::string::npos);
  // This one is valid, but not written by weft.
  Snapshot foreign;
  foreign.add(kModelFile, TensorMap{});
  foreign.add(kTrainerStateFile, std::string(R"({"schema": 2, "step": "seven"})"));
  foreign.add(kOptimizerFile, TensorMap{});
  foreign.write(folder_ / "foreign");
  EXPECT_NE(refusal(folder_ / "foreign").find("trainer_state.json is not what weft writes"),
            std::string::npos)
      << refusal(folder_ / "foreign");
  Snapshot astray;
  astray.add(kModelFile, TensorMap{});
  TensorMap state;
  astray.add(kTrainerStateFile, trainer_state_text({.step = 7}, {{"trainer", {"{}", {}}}}, state));
  astray.add(kOptimizerFile, TensorMap{{"nobody.average", Tensor::full({3}, 0.5)}});
  astray.write(folder_ / "astray");
  EXPECT_NE(refusal(folder_ / "astray").find("has 'nobody.average', which belongs to no part"),
            std::string::npos)
      << refusal(folder_ / "astray");
}

TEST_F(CheckpointFiles, TheNewestAndTheBestAreKept) {
  Checkpoints checkpoints(folder_, {.keep_last = 2, .keep_best = 1});
  const std::vector<double> losses{3, 1, 2, 4, 5};
  for (std::size_t i = 0; i < losses.size(); ++i)
    checkpoints.save(small(losses[i]), static_cast<i64>(10 * i), {{"validation/loss", losses[i]}});
  checkpoints.finish();
  EXPECT_EQ(kept(), (std::vector<std::string>{"step-10", "step-30", "step-40"}));
  EXPECT_EQ(target("last"), "step-40");
  EXPECT_EQ(target("best"), "step-10");
  EXPECT_TRUE(checkpoints.newest_good().has_value());
}

TEST_F(CheckpointFiles, NothingIsOverwritten) {
  Checkpoints checkpoints(folder_, {.keep_last = 9});
  for (int i = 0; i < 3; ++i) checkpoints.save(small(), 40, {});
  checkpoints.finish();
  EXPECT_EQ(kept(), (std::vector<std::string>{"step-40", "step-40-2", "step-40-3"}));
  EXPECT_EQ(target("last"), "step-40-3");
  EXPECT_EQ(target("best"), "step-40-3");  // no checkpoint has a score
}

TEST_F(CheckpointFiles, ARunThatGoesOnTakesOverWhatIsThere) {
  {
    Checkpoints checkpoints(folder_, {.keep_last = 9});
    for (int i = 1; i <= 4; ++i) checkpoints.save(small(i), i, {{"validation/loss", i}});
    checkpoints.finish();
  }
  fs::create_directories(folder_ / ".step-5.tmp");
  fs::remove(folder_ / "last");
  // step-4 was refused.
  Checkpoints checkpoints(folder_, {.keep_last = 1, .keep_best = 1}, {3, 1});
  EXPECT_EQ(kept(), (std::vector<std::string>{"step-1", "step-3", "step-4"}));
  EXPECT_EQ(target("last"), "step-3");
  EXPECT_EQ(target("best"), "step-1");
  EXPECT_FALSE(fs::exists(folder_ / ".step-5.tmp"));
  EXPECT_EQ(checkpoints.save(small(9), 4, {}).text(), "step-4-2");
  checkpoints.finish();
  EXPECT_EQ(kept(), (std::vector<std::string>{"step-1", "step-4", "step-4-2"}));
}

TEST_F(CheckpointFiles, ASaveThatFailsIsAWarningAndLosesNothing) {
  Log log;
  Checkpoints checkpoints(folder_, {.keep_last = 1});
  checkpoints.save(small(), 1, {});
  checkpoints.finish();
  Snapshot bad = small();
  bad.after(folder_ / "no-such-log");
  checkpoints.save(std::move(bad), 2, {});
  EXPECT_TRUE(checkpoints.newest_good().has_value());
  EXPECT_TRUE(log.has("warning: checkpoint: saving step-2 failed (")) << log.text();
  EXPECT_TRUE(log.has("the last good one is " + (folder_ / "step-1").string())) << log.text();
  EXPECT_EQ(kept(), (std::vector<std::string>{"step-1"}));
  EXPECT_THROW(checkpoints.finish(), IoError);
  checkpoints.save(small(), 3, {});
  EXPECT_NO_THROW(checkpoints.finish());
  EXPECT_EQ(kept(), (std::vector<std::string>{"step-3"}));
}

TEST_F(CheckpointFiles, ALogThatCannotBeSyncedIsNoPartOfASave) {
  Log log;
  Checkpoints checkpoints(folder_, {.keep_last = 9});
  for (int step = 1; step <= 2; ++step) {
    Snapshot snapshot = small();
    snapshot.after_log(folder_ / "no-such-log");
    checkpoints.save(std::move(snapshot), step, {});
    EXPECT_NO_THROW(checkpoints.finish());
  }
  EXPECT_EQ(kept(), (std::vector<std::string>{"step-1", "step-2"}));
  EXPECT_EQ(log.text(),
            "warning: metrics: write: " + (folder_ / "no-such-log").string() +
                ": fsync failed: No such file or directory; checkpoints are written all the same, "
                "but a power failure may take lines of this file\n");
}

TEST_F(CheckpointFiles, TheLastSaveThatFailsIsSaidOnce) {
  Log log;
  Checkpoints checkpoints(folder_, {});
  Snapshot bad = small();
  bad.after(folder_ / "no-such-log");
  checkpoints.save(std::move(bad), 1, {});
  try {
    checkpoints.finish();
    FAIL();
  } catch (const IoError& error) {
    EXPECT_TRUE(std::string(error.what()).ends_with("; there is no good one")) << error.what();
    EXPECT_EQ(error.exit_code(), 1);
  }
  EXPECT_EQ(log.text(), "");
}

// A checkpoint that is damaged, in its metrics or elsewhere, decides neither which is the best nor
// what is removed, and is not removed itself.
TEST_F(CheckpointFiles, DamagedOnesCountForNothing) {
  {
    Checkpoints checkpoints(folder_, {.keep_last = 9});
    for (int i = 1; i <= 4; ++i) checkpoints.save(small(i + 1), i, {{"validation/loss", i + 1}});
    checkpoints.finish();
  }
  std::string state = text_of(folder_ / "step-3" / kTrainerStateFile);
  state.replace(state.find("4.0"), 3, "0.1");
  write(folder_ / "step-3" / kTrainerStateFile, state);
  write(folder_ / "step-1" / kModelFile, "damaged");
  Log log;
  EXPECT_EQ(best_of(scored_checkpoints(folder_, {}, {4, 1})).name.text(), "step-1");
  EXPECT_TRUE(log.has("step-3 is passed over: checkpoint ")) << log.text();
  EXPECT_TRUE(log.has("trainer_state.json is damaged")) << log.text();
  Checkpoints checkpoints(folder_, {.keep_last = 1, .keep_best = 1}, {4, 1});
  EXPECT_TRUE(log.has("step-1 is left as it is and counts for nothing")) << log.text();
  EXPECT_EQ(kept(), (std::vector<std::string>{"step-1", "step-2", "step-3", "step-4"}));
  EXPECT_EQ(target("best"), "step-2");
  checkpoints.save(small(1), 5, {{"validation/loss", 1}});
  checkpoints.finish();
  EXPECT_EQ(kept(), (std::vector<std::string>{"step-1", "step-3", "step-5"}));
}

TEST_F(CheckpointFiles, AFolderThatIsMovedAwayIsNotMadeAgain) {
  for (const bool replaced : {false, true}) {
    const fs::path place = folder_ / "run/checkpoints";
    Checkpoints checkpoints(place, {});
    checkpoints.save(small(), 1, {});
    checkpoints.finish();
    fs::rename(folder_ / "run", folder_ / "moved");
    if (replaced) fs::create_directories(place);
    checkpoints.save(small(), 2, {});
    try {
      checkpoints.finish();
      FAIL();
    } catch (const IoError& error) {
      EXPECT_NE(std::string(error.what()).find("which was moved or removed"), std::string::npos)
          << error.what();
    }
    EXPECT_EQ(fs::exists(folder_ / "run"), replaced);
    EXPECT_TRUE(!replaced || fs::is_empty(place));
    EXPECT_NO_THROW(CheckpointReader(folder_ / "moved/checkpoints/step-1"));
    fs::remove_all(folder_ / "run");
    fs::remove_all(folder_ / "moved");
  }
}

TEST_F(CheckpointFiles, ASnapshotIsACopy) {
  const Tensor weight = Tensor::full({4}, 1.0);
  Snapshot snapshot;
  snapshot.add(kModelFile, TensorMap{{"weight", weight}});
  weight.fill(2);
  snapshot.write(folder_ / "copy");
  const TensorMap read = read_safetensors((folder_ / "copy" / kModelFile).string());
  EXPECT_EQ(read.at("weight").to_vector<float>(), std::vector<float>(4, 1.0F));
}

TEST_F(CheckpointFiles, SpaceIsLookedAtBefore) {
  EXPECT_NO_THROW(check_space(folder_, 1));
  try {
    check_space(folder_, i64{1} << 60);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("MB are required for a checkpoint"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace weft::train
