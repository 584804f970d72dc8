// SPDX-License-Identifier: Apache-2.0
// The picture of `weft top`, and the process that it finds.
#include <fstream>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "weft/tests/support/scratch_folder.h"
#include "weft/view/top.h"

namespace weft::view {
namespace {

class TopPictures : public test_support::InScratchFolder {
 protected:
  TopPictures() : InScratchFolder("top") {}

  void write(const std::string& lines) {
    std::ofstream(folder_ / "metrics.jsonl", std::ios::binary) << lines;
  }
  void add(const std::string& lines) {
    std::ofstream(folder_ / "metrics.jsonl", std::ios::binary | std::ios::app) << lines;
  }
  static std::string epoch(int epoch, double loss, double validation) {
    return "{\"schema\":1,\"event\":\"epoch\",\"epoch\":" + std::to_string(epoch) +
           ",\"step\":" + std::to_string(epoch * 10) +
           ",\"samples\":" + std::to_string(epoch * 99) +
           ",\"lr\":0.001,\"train/loss\":" + std::to_string(loss) +
           ",\"validation/loss\":" + std::to_string(validation) +
           ",\"validation/accuracy\":0.5,\"samples_per_second\":1234.5,\"seconds\":3}\n";
  }
  static std::string picture(const TopView& view, const TopSize& size = {}) {
    std::string text;
    for (const std::string& line : top_picture(view, size)) text += line + "\n";
    return text;
  }
};

std::vector<std::string> names_of(const std::vector<TopPlot>& plots) {
  std::vector<std::string> names;
  for (const TopPlot& plot : plots) names.push_back(plot.name);
  return names;
}

TEST_F(TopPictures, ShowTrainingAndValidationOfAMetricTogether) {
  write(epoch(1, 2, 2.5) + epoch(2, 1, 1.5) +
        "{\"schema\":1,\"event\":\"step\",\"step\":21,\"batch\":1,\"loss\":0.9,\"lr\":0.002}\n"
        "{\"schema\":1,\"event\":\"gradients\",\"step\":21,\"norm/fc1.weight\":0.9}\n");
  const History history(folder_);
  const std::vector<TopPlot> plots = top_plots(history, {});
  EXPECT_EQ(names_of(plots),
            (std::vector<std::string>{"loss", "lr", "samples/s", "accuracy", "gradients/norm"}));
  ASSERT_EQ(plots[0].curves.size(), 3u);
  EXPECT_EQ(plots[0].curves[0].name, "step");
  EXPECT_EQ(plots[0].curves[2].name, "validation");
  EXPECT_EQ(plots[0].curves[2].points[1], (std::pair<double, double>{20, 1.5}));
  EXPECT_EQ(names_of(top_plots(history, {{0, 1e6}}))[3], "memory");
}

TEST_F(TopPictures, SayWhatTheNewestValuesAre) {
  write(epoch(1, 2, 2.5) + epoch(2, 1, 1.5) + epoch(3, 0.5, 1.75));
  const History history(folder_);
  const std::string text = picture({.history = &history, .name = "runs/a"});
  EXPECT_EQ(text.find("runs/a  3 epochs, 30 steps  no process of this user"), 0u) << text;
  EXPECT_NE(text.find("train 0.5   validation 1.75 (lowest 1.5 at step 20)"), std::string::npos)
      << text;
  EXPECT_NE(text.find("[loss]"), std::string::npos) << text;
  EXPECT_NE(text.find("q quit"), std::string::npos) << text;
  const std::string rate = picture({.history = &history, .name = "a", .selected = "samples/s"});
  EXPECT_NE(rate.find("[samples/s]"), std::string::npos) << rate;
  EXPECT_NE(rate.find("samples/s 1234"), std::string::npos) << rate;
}

TEST_F(TopPictures, FollowAFileThatGrowsAndOneThatIsCut) {
  write(epoch(1, 2, 2.5) + epoch(2, 1, 1.5) + epoch(3, 0.5, 1.75));
  History history(folder_);
  write(epoch(1, 2, 2.5));  // a resumed run cuts it
  history.update();
  EXPECT_NE(picture({.history = &history, .name = "a"}).find("1 epoch, 10 steps"),
            std::string::npos);
  add(epoch(2, 0.25, 0.125));
  history.update();
  const std::string text = picture({.history = &history, .name = "a"});
  EXPECT_NE(text.find("2 epochs, 20 steps"), std::string::npos) << text;
  EXPECT_NE(text.find("train 0.25   validation 0.125"), std::string::npos) << text;
  const std::string line = epoch(3, 0.1, 0.1);
  add(line.substr(0, 20));  // a line that is being written
  history.update();
  EXPECT_EQ(history.epochs(), 2);
  add(line.substr(20));
  history.update();
  EXPECT_EQ(history.epochs(), 3);
}

TEST_F(TopPictures, SayHowTheRunEnded) {
  write(epoch(1, 2, 2.5) +
        "{\"schema\":1,\"event\":\"failed\",\"epoch\":1,\"step\":10,\"reason\":\"the loss is nan"
        "\\u001b[2J\"}\n");
  const History failed(folder_);
  const std::string text = picture({.history = &failed, .name = "a\033]0;x"}, {.columns = 100});
  EXPECT_NE(text.find("failed: the loss is nan"), std::string::npos) << text;
  EXPECT_EQ(text.find('\033'), std::string::npos) << "texts of files become printable: " << text;
  write(epoch(1, 2, 2.5) + "{\"schema\":1,\"event\":\"test\",\"step\":10,\"test/loss\":2}\n");
  const History complete(folder_);
  EXPECT_NE(picture({.history = &complete, .name = "a"}).find("  complete"), std::string::npos);
  EXPECT_NE(picture({.name = "a"}).find("waiting for the first epoch"), std::string::npos);
}

TEST_F(TopPictures, SummariseManyLayers) {
  std::string norms = "{\"schema\":1,\"event\":\"gradients\",\"step\":1";
  for (int i = 1; i <= 9; ++i)
    norms += ",\"norm/layer" + std::to_string(i) + "\":" + std::to_string(i);
  write(norms + "}\n");
  const History history(folder_);
  const std::vector<TopPlot> plots = top_plots(history, {});
  ASSERT_EQ(names_of(plots), (std::vector<std::string>{"gradients/norm"}));
  const std::string text = picture({.history = &history, .name = "a"});
  EXPECT_NE(text.find("least 1   median 5   greatest 9"), std::string::npos) << text;
}

TEST_F(TopPictures, SayWhyInANarrowTerminalAndWhatIsDamaged) {
  write(
      epoch(1, 2, 2.5) + "{\"schema\":1,\"ev\n" +
      "{\"schema\":1,\"event\":\"failed\",\"epoch\":1,\"step\":10,\"reason\":\"the loss is nan at "
      "batch 6 of epoch 1; try a lower learning rate, which optimizer.lr sets\"}\n");
  const History history(folder_);
  const std::string text = picture({.history = &history, .name = "runs/a"}, {.columns = 60});
  EXPECT_EQ(text.find("runs/a  1 epoch, 10 steps\nfailed: the loss is nan at batch 6"), 0u) << text;
  EXPECT_NE(text.find("optimizer.lr sets"), std::string::npos) << text;
  EXPECT_NE(text.find("1 damaged line left out"), std::string::npos) << text;
}

TEST_F(TopPictures, FitEveryTerminal) {
  std::string lines;
  for (int i = 1; i < 40; ++i) lines += epoch(i, 1.0 / i, 2.0 / i);
  write(lines);
  const History history(folder_);
  const TopView view{.history = &history,
                     .name = "runs/a_config_with_a_long_name/2026-01-01-000000",
                     .process = TrainingProcess{123, 456'000'000},
                     .idle_seconds = 3,
                     .memory = {{0, 4e8}, {1, 4.5e8}}};
  for (int columns = 1; columns < 200; columns += 22)
    for (int rows = 1; rows < 60; rows += 9)
      for (const bool colour : {false, true}) {
        const auto picture =
            top_picture(view, {.columns = columns, .rows = rows, .colour = colour});
        EXPECT_LE(std::ssize(picture), rows);
        EXPECT_FALSE(picture.empty());
        for (const std::string& line : picture) EXPECT_LE(columns_of(line), columns) << line;
      }
  const std::string large = picture(view, {.columns = 150, .rows = 45});
  for (const char* title : {"[loss]", "lr", "samples/s", "memory (MB)", "process 123, 456 MB"})
    EXPECT_NE(large.find(title), std::string::npos) << title << "\n" << large;
}

TEST_F(TopPictures, FindTheProcessThatHoldsTheLock) {
  EXPECT_FALSE(training_process(folder_).has_value());
  const int file = open((folder_ / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  ASSERT_GE(file, 0);
  EXPECT_FALSE(training_process(folder_).has_value()) << "open, but not locked";
  ASSERT_EQ(flock(file, LOCK_EX | LOCK_NB), 0);
  const auto found = training_process(folder_);
  if (!found) GTEST_SKIP() << "/proc/locks shows no locks of this process here";
  EXPECT_EQ(found->pid, getpid());
  EXPECT_GT(found->memory_bytes, 1'000'000);
  close(file);
  EXPECT_FALSE(training_process(folder_).has_value());
}

}  // namespace
}  // namespace weft::view
