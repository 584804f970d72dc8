// SPDX-License-Identifier: Apache-2.0
// Tests of signals, kills and resuming, each with runs in processes of their own.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "weft/tests/train/run_files.h"

namespace weft::app {
namespace {

using namespace train::testing_runs;

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

  pid_t start(std::vector<std::string> keys) const {
    keys.insert(keys.begin(), {"weft", "train", "small.yaml"});
    std::vector<char*> arguments;
    for (std::string& key : keys) arguments.push_back(key.data());
    arguments.push_back(nullptr);
    const pid_t child = fork();
    if (child != 0) return child;
    if (chdir(folder_.c_str()) != 0 || freopen("out.txt", "a", stdout) == nullptr ||
        freopen("out.txt", "a", stderr) == nullptr)
      _exit(99);
    setenv("OMP_NUM_THREADS", "1", 1);
    execv(WEFT_COMMAND, arguments.data());
    _exit(99);
  }
  // Returns the exit code, or minus the signal that ended the process.
  static int end_of(pid_t child) {
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  int run(const std::vector<std::string>& keys) const { return end_of(start(keys)); }
  // Waits until there() is true, at most 30 seconds.
  template <class F>
  static bool wait_for(const F& there) {
    for (int i = 0; i < 3000 && !there(); ++i) usleep(10'000);
    return there();
  }
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
  const std::string line = "cd '" + folder_.string() +
                           "' && PATH=\"$PWD/bin:$PATH\" SLURM_JOB_ID=17 " +
                           "SLURM_CPUS_PER_TASK=1 WEFT='" WEFT_COMMAND "' bash '" WEFT_SOURCE_ROOT
                           "/docs/slurm.sbatch' small.yaml job >>out.txt 2>&1";
  const pid_t child = fork();
  if (child == 0) _exit(WEXITSTATUS(std::system(line.c_str())));
  ASSERT_TRUE(wait_for([&] { return has_checkpoint("job"); })) << output();
  kill(static_cast<pid_t>(std::stol(text_of(folder_ / "pid"))), SIGTERM);
  EXPECT_EQ(end_of(child), 0) << output();
  EXPECT_EQ(text_of(folder_ / "requeued"), "requeue 17\n") << output();
  fs::remove(folder_ / "requeued");
  EXPECT_EQ(WEXITSTATUS(std::system(line.c_str())), 0) << output();
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
