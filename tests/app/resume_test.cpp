// SPDX-License-Identifier: Apache-2.0
// Tests of signals, kills and resuming, each with runs in processes of their own.
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/tests/app/run_command.h"
#include "weft/tests/train/run_files.h"

namespace weft::app {
namespace {

using namespace train::testing_runs;
using namespace testing_app;

class Processes : public InScratchFolder {
 protected:
  Processes() : InScratchFolder("process") {
    write(folder_ / "small.yaml",
          "data: {type: digits, train_size: 240, test_size: 20, validation_split: 0.1}\n"
          "model: {type: mlp, hidden: [64]}\n"
          "train: {epochs: 40, batch_size: 8, accumulate: 2}\n"
          "callbacks: [ema]\n"
          "checkpoint: {every: 5ba, keep_last: 2}\n");
  }

  pid_t start(const std::vector<std::string>& keys) const {
    std::string line = "OMP_NUM_THREADS=1 exec \"$WEFT\" train small.yaml >>out.txt 2>&1";
    for (const std::string& key : keys) line += " '" + key + "'";
    return start_line(folder_, line);
  }
  int run(const std::vector<std::string>& keys) const { return end_of(start(keys)); }
  bool has_checkpoint(const std::string& name) const {
    return fs::exists(folder_ / name / "checkpoints/last/model.safetensors");
  }
  std::string output() const { return text_of(folder_ / "out.txt"); }
};

TEST_F(Processes, SlowKilledAndResumedIsTheSame) {
  ASSERT_EQ(run({"run.dir=whole"}), 0) << output();
  for (const int signal : {SIGKILL, SIGTERM, SIGKILL, SIGINT}) {
    const pid_t child = start({"run.dir=killed", "resume=auto"});
    const auto before = fs::exists(folder_ / "killed/checkpoints/last")
                            ? fs::read_symlink(folder_ / "killed/checkpoints/last")
                            : fs::path();
    ASSERT_TRUE(wait_for([&] {
      return has_checkpoint("killed") &&
             fs::read_symlink(folder_ / "killed/checkpoints/last") != before;
    })) << output();
    kill(child, signal);
    EXPECT_EQ(end_of(child), signal == SIGKILL ? -SIGKILL : 128 + signal) << output();
  }
  ASSERT_EQ(run({"run.dir=killed", "resume=auto"}), 0) << output();
  EXPECT_EQ(outcome_of(folder_ / "killed"), outcome_of(folder_ / "whole"));
  EXPECT_NE(output().find("Next: weft train killed/config.yaml run.dir=killed resume=auto"),
            std::string::npos);
}

TEST_F(Processes, Usr1SavesAndGoesOn) {
  const pid_t child =
      start({"run.dir=asked", "train.epochs=1000000", "checkpoint.every=1000000ep"});
  ASSERT_TRUE(wait_for([&] { return fs::exists(folder_ / "asked/metrics.jsonl"); })) << output();
  EXPECT_FALSE(has_checkpoint("asked"));
  kill(child, SIGUSR1);
  EXPECT_TRUE(wait_for([&] { return has_checkpoint("asked"); })) << output();
  const std::string first = fs::read_symlink(folder_ / "asked/checkpoints/last");
  kill(child, SIGTERM);
  EXPECT_EQ(end_of(child), 143) << output();
  EXPECT_NE(fs::read_symlink(folder_ / "asked/checkpoints/last"), first);
}

// This test runs docs/slurm.sbatch with stand-ins for srun and scontrol.
TEST_F(Processes, SlowTheSlurmScriptRequeuesAndGoesOn) {
  fs::create_directories(folder_ / "bin");
  const auto stub = [&](const char* name, const std::string& text) {
    write(folder_ / "bin" / name, "#!/bin/bash\n" + text + "\n");
    fs::permissions(folder_ / "bin" / name, fs::perms::owner_all);
  };
  stub("srun", "echo $$ >pid; exec \"$@\"");
  stub("scontrol", "echo \"$@\" >requeued");
  const std::string line =
      "PATH=\"$PWD/bin:$PATH\" SLURM_JOB_ID=17 SLURM_CPUS_PER_TASK=1 "
      "bash '" WEFT_SOURCE_ROOT "/docs/slurm.sbatch' small.yaml job >>out.txt 2>&1";
  const pid_t child = start_line(folder_, line);
  ASSERT_TRUE(wait_for([&] { return has_checkpoint("job"); })) << output();
  kill(static_cast<pid_t>(std::stol(text_of(folder_ / "pid"))), SIGTERM);
  EXPECT_EQ(end_of(child), 0) << output();
  EXPECT_EQ(text_of(folder_ / "requeued"), "requeue 17\n") << output();
  fs::remove(folder_ / "requeued");
  EXPECT_EQ(run_line(folder_, line), 0) << output();
  EXPECT_NE(output().find("resume: going on from job/checkpoints/step-"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "requeued"));
}

TEST_F(Processes, MistakesOnResumingAreTwo) {
  ASSERT_EQ(run({"run.dir=run", "train.epochs=1"}), 0) << output();
  EXPECT_EQ(run({"run.dir=run", "train.epochs=1", "resume=auto", "run.seed=3"}), 2);
  EXPECT_EQ(run({"run.dir=run", "train.epochs=1", "resume=nowhere"}), 2);
  EXPECT_EQ(run({"run.dir=run", "train.epochs=1"}), 2);
  EXPECT_EQ(run({"train.epochs=1", "resume=auto"}), 2);
  EXPECT_EQ(run({"run.dir=run", "train.epochs=2", "resume=auto"}), 0) << output();
}

}  // namespace
}  // namespace weft::app
