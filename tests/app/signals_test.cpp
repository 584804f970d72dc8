// SPDX-License-Identifier: Apache-2.0
// Real signals, sent to the real command while it trains, validates, tests and saves.
#include <csignal>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "weft/tests/app/run_command.h"
#include "weft/tests/support/scratch_folder.h"
#include "weft/tests/train/run_files.h"
#include "weft/train/checkpoint/checkpoint_reader.h"

namespace weft::app {
namespace {

using namespace testing_app;
namespace fs = std::filesystem;

constexpr int kStops[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXCPU};

class Signals : public test_support::InScratchFolder {
 protected:
  Signals() : InScratchFolder("signals") {
    const char* quick =
        "run: {threads: 1}\n"
        "data: {type: digits, train_size: 200, test_size: 40, validation_split: 0.1}\n"
        "model: {type: mlp, hidden: [16]}\n"
        "train: {epochs: 1000000, batch_size: 20}\n"
        "checkpoint: {every: 1000000ep}\n";
    // One short step is followed by a validation of 15 batches, and an epoch by a test of as many.
    const char* slow =
        "run: {threads: 1}\n"
        "data: {type: digits, train_size: 4000, test_size: 3800, validation_split: 0.95}\n"
        "model: {type: mlp, hidden: [768, 768]}\n"
        "train: {epochs: 1000000, batch_size: 100}\n"
        "validation: {every: 1ba}\n"
        "checkpoint: {every: 1000000ep}\n";
    train::testing_runs::write(folder_ / "quick.yaml", quick);
    train::testing_runs::write(folder_ / "slow.yaml", slow);
  }

  // `before` is what the shell does first, like `trap '' HUP`.
  pid_t start(const std::string& arguments, const std::string& before = "") const {
    return start_line(folder_, before + " exec \"$WEFT\" train " + arguments + " >>out.txt 2>&1");
  }
  bool waits_for_epoch(const std::string& run) const {
    return wait_for([&] { return fs::exists(folder_ / run / "metrics.jsonl"); });
  }
  i64 events(const std::string& run, const std::string& kind) const {
    const std::string text = file_text(folder_ / run / "metrics.jsonl");
    const std::string wanted = "\"event\":\"" + kind + "\"";
    i64 count = 0;
    for (std::size_t at = 0; (at = text.find(wanted, at)) != text.npos; ++at) ++count;
    return count;
  }
  bool has_checkpoint(const std::string& run) const {
    return fs::exists(folder_ / run / "checkpoints/last/model.safetensors");
  }
  // Reads it back as a resume does, with its manifest.
  void expect_good_checkpoint(const std::string& run) const {
    EXPECT_TRUE(has_checkpoint(run)) << output();
    EXPECT_NO_THROW(train::CheckpointReader(folder_ / run / "checkpoints/last")) << output();
  }
  std::string output() const { return file_text(folder_ / "out.txt"); }
};

TEST_F(Signals, InTrainingLeadToACheckpoint) {
  for (const int signal : kStops) {
    const std::string run = "run-" + std::to_string(signal);
    const pid_t child = start("quick.yaml run.dir=" + run);
    ASSERT_TRUE(waits_for_epoch(run)) << output();
    kill(child, signal);
    EXPECT_EQ(end_of(child), 128 + signal) << output();
    expect_good_checkpoint(run);
    EXPECT_NE(output().find("Next: weft train " + run + "/config.yaml"), std::string::npos);
  }
}

// Before the first step there is nothing to save.
TEST_F(Signals, ARequestThatComesTooEarlyEndsNothing) {
  const pid_t child = start("quick.yaml run.dir=run");
  // The thread of StopSignals is there before the data and the model.
  ASSERT_TRUE(wait_for([&] {
    const fs::path tasks = "/proc/" + std::to_string(child) + "/task";
    return fs::exists(folder_ / "run") ||
           std::distance(fs::directory_iterator(tasks), fs::directory_iterator()) > 1;
  }));
  for (int i = 0; i < 200 && !fs::exists(folder_ / "run/metrics.jsonl"); ++i) {
    kill(child, SIGUSR1);
    usleep(500);
  }
  ASSERT_TRUE(waits_for_epoch("run")) << output();
  kill(child, SIGTERM);
  EXPECT_EQ(end_of(child), 143) << output();
}

// A terminal that closes sends SIGHUP twice, by the kernel and by the shell.
TEST_F(Signals, AHangupMayComeTwice) {
  const pid_t child = start("quick.yaml run.dir=run");
  ASSERT_TRUE(waits_for_epoch("run")) << output();
  for (int i = 0; i < 20 && kill(child, SIGHUP) == 0; ++i) usleep(500);
  EXPECT_EQ(end_of(child), 129) << output();
  EXPECT_TRUE(has_checkpoint("run")) << output();
}

TEST_F(Signals, ThatWereIgnoredAtTheStartStayIgnored) {
  const pid_t child = start("quick.yaml run.dir=run", "trap '' HUP INT PIPE USR1;");
  ASSERT_TRUE(waits_for_epoch("run")) << output();
  for (const int signal : {SIGHUP, SIGINT, SIGPIPE, SIGUSR1}) kill(child, signal);
  const i64 before = events("run", "epoch");
  EXPECT_TRUE(wait_for([&] { return events("run", "epoch") > before + 5; })) << output();
  EXPECT_FALSE(has_checkpoint("run"));
  kill(child, SIGTERM);
  EXPECT_EQ(end_of(child), 143) << output();
  EXPECT_TRUE(has_checkpoint("run")) << output();
}

TEST_F(Signals, SlowInAValidationStopIt) {
  for (const int signal : kStops) {
    const std::string run = "run-" + std::to_string(signal);
    const pid_t child = start("slow.yaml run.dir=" + run);
    ASSERT_TRUE(wait_for([&] { return events(run, "validation") == 1; })) << output();
    kill(child, signal);  // in the second one, after a step of a tenth of its time
    EXPECT_EQ(end_of(child), 128 + signal) << output();
    EXPECT_EQ(events(run, "validation"), 1) << output();
    expect_good_checkpoint(run);
  }
}

TEST_F(Signals, SlowInTheTestStopIt) {
  for (const int signal : kStops) {
    const std::string run = "run-" + std::to_string(signal);
    const std::string arguments = "slow.yaml run.dir=" + run + " train.epochs=1";
    const pid_t child = start(arguments + " validation.every=1ep data.validation_split=0.9");
    ASSERT_TRUE(wait_for([&] { return has_checkpoint(run); })) << output();
    kill(child, signal);
    EXPECT_EQ(end_of(child), 128 + signal) << output();
    EXPECT_EQ(events(run, "test"), 0) << output();
    const Result again =
        run_command(folder_, "train " + run + "/config.yaml run.dir=" + run + " resume=auto");
    EXPECT_EQ(again.code, 0) << again.output;
    EXPECT_NE(again.output.find("test: loss"), std::string::npos) << again.output;
    EXPECT_EQ(events(run, "test"), 1) << again.output;
  }
}

TEST_F(Signals, SlowInASaveLetItEnd) {
  for (const int signal : kStops) {
    const std::string run = "run-" + std::to_string(signal);
    const fs::path checkpoints = folder_ / run / "checkpoints";
    const pid_t child =
        start("slow.yaml run.dir=" + run + " validation.every=1000000ep checkpoint.every=1ba");
    ASSERT_TRUE(wait_for([&] {
      std::error_code error;
      for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints, error))
        if (entry.path().filename().string().starts_with(".step-")) return true;
      return false;
    })) << output();
    kill(child, signal);
    EXPECT_EQ(end_of(child), 128 + signal) << output();
    for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints))
      EXPECT_FALSE(entry.path().filename().string().starts_with(".")) << entry.path();
    expect_good_checkpoint(run);
  }
}

// `weft train … | head -1`.
TEST_F(Signals, APipeThatItsReaderClosesIsSigpipe) {
  EXPECT_EQ(run_line(folder_,
                     "{ \"$WEFT\" train quick.yaml run.dir=run 2>err.txt; echo $? >code; } "
                     "| head -n 1 >first"),
            0);
  EXPECT_EQ(file_text(folder_ / "code"), "141\n");
  EXPECT_TRUE(has_checkpoint("run"));
  EXPECT_NE(file_text(folder_ / "run/log.txt").find("stopped after"), std::string::npos);
  // The reader does not see how to go on; standard error says it.
  EXPECT_NE(file_text(folder_ / "err.txt").find("Next: weft train run/config.yaml"),
            std::string::npos);
}

// Ctrl-C of `weft train … | tee` reaches both, and may end `tee` first.
TEST_F(Signals, CtrlCThatAlsoEndsTheReaderIs130) {
  const auto pid_in = [&](const char* file) {
    return static_cast<pid_t>(std::stol(file_text(folder_ / file)));
  };
  const pid_t shell = start_line(
      folder_,
      "{ sh -c 'echo $$ >weft; exec \"$WEFT\" train quick.yaml run.dir=run 2>&1'; echo $? >code; } "
      "| sh -c 'echo $$ >reader; exec cat >/dev/null'");
  ASSERT_TRUE(waits_for_epoch("run"));
  kill(pid_in("reader"), SIGINT);
  kill(pid_in("weft"), SIGINT);
  end_of(shell);
  EXPECT_EQ(file_text(folder_ / "code"), "130\n");
  expect_good_checkpoint("run");
}

// With the signal ignored, a closed pipe is an output that cannot be written, and no more.
TEST_F(Signals, AClosedPipeWithoutSigpipeDoesNotStopARun) {
  run_line(folder_,
           "trap '' PIPE; { \"$WEFT\" train quick.yaml run.dir=run train.epochs=20 2>err.txt; "
           "echo $? >code; } | head -n 1 >first");
  EXPECT_EQ(file_text(folder_ / "code"), "1\n");
  EXPECT_NE(file_text(folder_ / "run/log.txt").find("done after 20 epochs"), std::string::npos);
  EXPECT_NE(file_text(folder_ / "err.txt").find("weft: standard output: "), std::string::npos);
}

// The limit is 4 KB (8 blocks of a shell): the checkpoint does not fit, the small files do.
TEST_F(Signals, AFileAtItsSizeLimitIsAnErrorLikeAFullDisk) {
  const pid_t child = start("quick.yaml run.dir=run train.epochs=2", "ulimit -f 8;");
  EXPECT_EQ(end_of(child), 1) << output();
  EXPECT_NE(output().find("File too large"), std::string::npos) << output();
  EXPECT_NE(output().find("epoch 2/2"), std::string::npos) << output();
}

}  // namespace
}  // namespace weft::app
