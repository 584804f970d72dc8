// SPDX-License-Identifier: Apache-2.0
// `weft train` as two ranks of a job, with the environment that a launcher would set.
#include <csignal>
#include <filesystem>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "weft/dist/tcp.h"
#include "weft/tests/app/run_command.h"
#include "weft/tests/support/scratch_folder.h"
#include "weft/tests/train/run_files.h"
#include "weft/train/checkpoint/checkpoint_reader.h"

namespace weft::app {
namespace {

using namespace testing_app;
namespace fs = std::filesystem;

#ifdef WEFT_HAS_GLOO
#define WEFT_NEEDS_RANKS()
#else
#define WEFT_NEEDS_RANKS() GTEST_SKIP() << "this build has no libweft_gloo.so"
#endif

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

// The two ranks run in the folders 0 and 1 of the scratch folder, so that tests can give them
// different files under one path: /proc/self/cwd/FILE.
class TrainingRanks : public test_support::InScratchFolder {
 protected:
  static constexpr int kRanks = 2;

  TrainingRanks() : InScratchFolder("ranks") {
    write("small.yaml",
          "data: {type: digits, train_size: 200, test_size: 40, validation_split: 0.1}\n"
          "model: {type: mlp, hidden: [16]}\n"
          "train: {epochs: 2, batch_size: 20}\n");
    for (int rank = 0; rank < kRanks; ++rank) fs::create_directory(of(rank));
  }

  void write(const fs::path& name, const std::string& text) const {
    train::testing_runs::write(folder_ / name, text);
  }
  fs::path of(int rank) const { return folder_ / std::to_string(rank); }
  std::string output(int rank) const { return file_text(of(rank) / "out.txt"); }
  std::string outputs() const { return output(0) + "---- rank 1:\n" + output(1); }

  // `shell` comes before the command, such as a variable or `ulimit`.
  void start(int rank, const std::string& arguments, const std::string& shell = "") {
    if (port_ == 0) port_ = dist::port_of(dist::listen_at("127.0.0.1", 0));
    const std::string variables = fmt::format(
        "RANK={0} LOCAL_RANK={0} WORLD_SIZE={1} MASTER_ADDR=127.0.0.1 MASTER_PORT={2} "
        "OMP_NUM_THREADS=1 ",
        rank, kRanks, port_);
    processes_[rank] = start_line(
        of(rank), shell + " " + variables + "exec \"$WEFT\" train " + arguments + " >out.txt 2>&1");
  }
  void start_all(const std::string& arguments) {
    for (int rank = 0; rank < kRanks; ++rank) start(rank, arguments);
  }
  int end(int rank) { return end_of(processes_[rank]); }
  // One exit code of all ranks.
  void expect_ends(int code) {
    for (int rank = 0; rank < kRanks; ++rank) EXPECT_EQ(end(rank), code) << outputs();
    port_ = 0;
  }
  i64 events(const fs::path& run, const std::string& kind) const {
    const std::string text = file_text(run / "metrics.jsonl");
    const std::string wanted = "\"event\":\"" + kind + "\"";
    i64 count = 0;
    for (std::size_t at = 0; (at = text.find(wanted, at)) != text.npos; ++at) ++count;
    return count;
  }
  std::set<std::string> files_of(int rank) const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(of(rank)))
      names.insert(entry.path().filename().string());
    return names;
  }

  pid_t processes_[kRanks] = {};
  int port_ = 0;
};

TEST_F(TrainingRanks, OnlyTheFirstWritesSlow) {
  WEFT_NEEDS_RANKS();
  start_all("../small.yaml");
  expect_ends(0);
  EXPECT_SAYS(output(0), "epoch 2/2");
  EXPECT_SAYS(output(0), "Next: weft evaluate");
  EXPECT_EQ(output(1), "");
  EXPECT_EQ(files_of(1), std::set<std::string>{"out.txt"});
  const fs::path run = of(0) / "runs/latest";
  EXPECT_EQ(events(run, "epoch"), 2) << outputs();
  EXPECT_EQ(events(run, "test"), 1);
  EXPECT_NO_THROW(train::CheckpointReader(run / "checkpoints/last"));
}

TEST_F(TrainingRanks, AFolderIsWrittenOnceSlow) {
  WEFT_NEEDS_RANKS();
  const std::string run = (folder_ / "run").string();
  start_all("../small.yaml checkpoint.every=2ba run.dir=" + run);
  expect_ends(0);
  EXPECT_EQ(events(run, "epoch"), 2) << outputs();
  EXPECT_EQ(output(1), "");
  start_all("../small.yaml resume=auto train.epochs=3 dist.bucket_mb=1 run.dir=" + run);
  expect_ends(0);
  EXPECT_EQ(events(run, "epoch"), 3) << outputs();
  EXPECT_SAYS(output(0), "resume: dist.bucket_mb: 25 -> 1");
  EXPECT_EQ(output(1), "");
  // As a single process again.
  const Result alone =
      run_command(folder_, "train small.yaml resume=auto train.epochs=4 run.dir=run");
  EXPECT_EQ(alone.code, 0) << alone.output;
  EXPECT_SAYS(alone.output, "ranks 2 -> 1");
}

TEST_F(TrainingRanks, OneOfOneIsAProcessOfItsOwnSlow) {
  EXPECT_EQ(run_line(folder_,
                     "RANK=0 WORLD_SIZE=1 LOCAL_RANK=0 exec \"$WEFT\" train small.yaml "
                     "run.dir=run train.epochs=1 >out.txt 2>&1"),
            0)
      << file_text(folder_ / "out.txt");
}

TEST_F(TrainingRanks, AnotherConfigIsRefusedSlow) {
  WEFT_NEEDS_RANKS();
  start(0, "../small.yaml");
  start(1, "../small.yaml train.batch_size=10");
  expect_ends(2);
  for (int rank = 0; rank < kRanks; ++rank)
    EXPECT_SAYS(output(rank),
                "has another config, build or kind of device than rank 0: 'batch_size: 10', and "
                "rank 0 has 'batch_size: ");
  EXPECT_SAYS(output(1), "weft: rank 1: dist: rank 1 on ");
  EXPECT_EQ(files_of(0), std::set<std::string>{"out.txt"});
}

TEST_F(TrainingRanks, ARankWithAWrongConfigIsMissedSlow) {
  WEFT_NEEDS_RANKS();
  start(0, "../small.yaml dist.timeout=2");
  start(1, "../small.yaml dist.timeout=2 train.epochs=-1");
  expect_ends(2);
  EXPECT_SAYS(output(0), "rank 1 of 2 has not come within 2 s");
  EXPECT_SAYS(output(1), "train.epochs");
}

// The error of the config that only a rank meets later is that of all ranks.
TEST_F(TrainingRanks, DataThatOneCannotReadIsAnErrorOfAllSlow) {
  WEFT_NEEDS_RANKS();
  write("0/text.txt", std::string(4000, 'a') + std::string(4000, 'b'));
  const std::string arguments =
      "../small.yaml 'data={type: text, path: /proc/self/cwd/text.txt, context: 8}' "
      "model=text_mlp";
  start_all(arguments);
  expect_ends(2);
  EXPECT_SAYS(output(0), "(on rank 1)");
  EXPECT_SAYS(output(1), "weft: rank 1: ");
  for (int rank = 0; rank < kRanks; ++rank) EXPECT_SAYS(output(rank), "text.txt");
  EXPECT_FALSE(fs::exists(of(0) / "runs"));
}

TEST_F(TrainingRanks, OtherDataIsAnErrorOfAllSlow) {
  WEFT_NEEDS_RANKS();
  write("0/text.txt", std::string(4000, 'a') + std::string(4000, 'b'));
  write("1/text.txt", std::string(4000, 'a') + std::string(4000, 'c'));
  start_all(
      "../small.yaml 'data={type: text, path: /proc/self/cwd/text.txt, context: 8}' "
      "model=text_mlp");
  expect_ends(2);
  for (int rank = 0; rank < kRanks; ++rank)
    EXPECT_SAYS(output(rank), "dist: the data is not that of rank 0: 'training: ");
  EXPECT_FALSE(fs::exists(of(0) / "runs"));
}

TEST_F(TrainingRanks, OtherWeightsAreNamedSlow) {
  WEFT_NEEDS_RANKS();
  for (int rank = 0; rank < kRanks; ++rank) {
    const Result made =
        run_command(of(rank), fmt::format("train ../small.yaml run.dir=first run.seed={}", rank));
    ASSERT_EQ(made.code, 0) << made.output;
    fs::copy(of(rank) / "first/checkpoints/last/model.safetensors", of(rank) / "start.safetensors");
  }
  start_all(
      "../small.yaml run.dir=second "
      "model.pretrained.path=/proc/self/cwd/start.safetensors");
  expect_ends(2);
  for (int rank = 0; rank < kRanks; ++rank)
    EXPECT_SAYS(output(rank), "' of the model is not that of rank 0");
  EXPECT_FALSE(fs::exists(of(0) / "second"));
}

TEST_F(TrainingRanks, ACheckpointThatOneCannotReadIsAnErrorOfAllSlow) {
  WEFT_NEEDS_RANKS();
  start_all("../small.yaml run.dir=/proc/self/cwd/run");
  expect_ends(0);
  start_all("../small.yaml run.dir=/proc/self/cwd/run resume=auto train.epochs=3");
  expect_ends(2);
  EXPECT_SAYS(output(0), "(on rank 1)");
  EXPECT_SAYS(output(1), "/run/checkpoints/step-18");
}

TEST_F(TrainingRanks, WhatOnlyOneProcessCanDoIsRefusedSlow) {
  WEFT_NEEDS_RANKS();
  start_all("../small.yaml train.out_of_memory=split");
  expect_ends(2);
  EXPECT_SAYS(output(0), "train.out_of_memory: split given for 2 ranks");
  start_all("../small.yaml dist.backend=nccl");
  expect_ends(2);
  EXPECT_SAYS(output(1), "weft: rank 1: dist.backend: nccl given");
}

TEST_F(TrainingRanks, AFailureIsThatOfAllSlow) {
  WEFT_NEEDS_RANKS();
  start_all("../small.yaml run.dir=run 'optimizer={type: sgd, lr: 1e30}'");
  expect_ends(3);
  EXPECT_SAYS(output(1), "weft: rank 1: ");
  EXPECT_EQ(events(of(0) / "run", "failed"), 1) << outputs();
}

class SignalledRanks : public TrainingRanks {
 protected:
  void start_long() {
    start_all("../small.yaml run.dir=run train.epochs=1000000 checkpoint.every=1000000ep");
    ASSERT_TRUE(wait_for([&] { return events(of(0) / "run", "epoch") > 0; })) << outputs();
  }
  bool has_checkpoint() const {
    return fs::exists(of(0) / "run/checkpoints/last/model.safetensors");
  }
};

TEST_F(SignalledRanks, AStopAtOneIsAStopOfAllSlow) {
  WEFT_NEEDS_RANKS();
  for (int rank = 0; rank < kRanks; ++rank) {
    fs::remove_all(of(0) / "run");
    start_long();
    kill(processes_[rank], SIGTERM);
    expect_ends(143);
    EXPECT_SAYS(output(0), "stopped after");
    EXPECT_EQ(output(1), "");
    EXPECT_NO_THROW(train::CheckpointReader(of(0) / "run/checkpoints/last")) << outputs();
  }
}

TEST_F(SignalledRanks, ARequestAtOneIsASaveSlow) {
  WEFT_NEEDS_RANKS();
  start_long();
  EXPECT_FALSE(has_checkpoint());
  kill(processes_[1], SIGUSR1);
  EXPECT_TRUE(wait_for([&] { return has_checkpoint(); })) << outputs();
  const std::string first = fs::read_symlink(of(0) / "run/checkpoints/last");
  const i64 before = events(of(0) / "run", "epoch");
  EXPECT_TRUE(wait_for([&] { return events(of(0) / "run", "epoch") > before + 5; })) << outputs();
  EXPECT_EQ(fs::read_symlink(of(0) / "run/checkpoints/last"), first) << "one save, no more";
  for (const pid_t process : processes_) kill(process, SIGINT);
  expect_ends(130);
}

TEST_F(SignalledRanks, AKilledOneEndsTheOtherSlow) {
  WEFT_NEEDS_RANKS();
  for (int killed = 0; killed < kRanks; ++killed) {
    fs::remove_all(of(0) / "run");
    start_long();
    kill(processes_[killed], SIGKILL);
    EXPECT_EQ(end(killed), -SIGKILL);
    EXPECT_EQ(end(1 - killed), 1) << outputs();
    EXPECT_SAYS(output(1 - killed), fmt::format("dist: rank {} on ", killed));
    port_ = 0;
  }
}

}  // namespace
}  // namespace weft::app
