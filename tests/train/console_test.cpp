// SPDX-License-Identifier: Apache-2.0
// The lines and the bar of a console: as text, in an Orchestrator, and in a loop of one's own.
#include "weft/train/callbacks/console.h"

#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "weft/tests/support/message_of.h"
#include "weft/tests/train/callback_run.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/callbacks/callbacks.h"
#include "weft/train/trainer/trainers.h"

namespace weft::train {
namespace {

using testing_callbacks::CallbackRun;
using testing_models::tiny_images;
using testing_models::tiny_mlp;
using LineList = std::vector<std::string>;

const LiveProgress kLive{.epoch = 3,
                         .epochs = 12,
                         .batch = 50,
                         .batches = 100,
                         .loss = 0.51234,
                         .lr = 1e-3,
                         .samples_per_second = 1234,
                         .epoch_left = 12,
                         .run_left = 130};

LiveProgress with_all() {
  LiveProgress live = kLive;
  live.loss_scale = 65536;
  live.skipped = 2;
  return live;
}

TEST(ConsoleLines, ABarFitsItsTerminal) {
  EXPECT_EQ(bar_line(kLive, 20), "epoch  3/12   50%");
  EXPECT_EQ(bar_line(kLive, 40), "epoch  3/12  ━━━────   50%  loss 0.5123");
  EXPECT_EQ(bar_line(kLive, 80),
            "epoch  3/12  ━━━────   50%  loss 0.5123  1234 samples/s  12s left  2m10s in all");
  EXPECT_EQ(bar_line(with_all(), 200),
            "epoch  3/12  ━━━━━━━━━━━━━━━━━━━━────────────────────   50%  loss 0.5123  lr 0.001  "
            "scale 65536  2 skipped  1234 samples/s  12s left  2m10s in all");
  for (i64 columns = 2; columns < 240; ++columns)
    for (const LiveProgress& live : {kLive, with_all(), LiveProgress{}})
      for (const bool colour : {false, true}) {
        const std::string line = bar_line(live, columns, colour);
        EXPECT_LE(columns_of(line), columns - 1) << line;
        EXPECT_EQ(line.find('\n'), line.npos);
        EXPECT_EQ(line.find('\033') != line.npos, colour && line.find("─") != line.npos) << line;
      }
}

TEST(ConsoleLines, ANumberThatIsNotKnownIsLeftOut) {
  LiveProgress live{.epoch = 7, .batch = 1, .batches = 4, .lr = 0.1};
  EXPECT_EQ(heartbeat_line(live), "epoch 7   25%");
  live.loss = 2;
  live.epoch_left = 3;
  EXPECT_EQ(heartbeat_line(live), "epoch 7   25%  loss 2  3s left");
  EXPECT_EQ(heartbeat_line(with_all()),
            "epoch  3/12   50%  loss 0.5123  1234 samples/s  12s left  2m10s in all");
}

TEST(ConsoleLines, TimesAreShort) {
  EXPECT_EQ(time_text(0.2), "0s");
  EXPECT_EQ(time_text(59.4), "59s");
  EXPECT_EQ(time_text(125), "2m05s");
  EXPECT_EQ(time_text(3720), "1h02m");
  EXPECT_EQ(time_text(3 * 86400 + 4 * 3600), "3d04h");
  EXPECT_EQ(time_text(1e300), "11574d01h");
}

// Keeps what a console shows.
struct ShownLines {
  LineList lines = {}, bars = {};
  i64 columns = 0;

  ConsoleOutput output() {
    ConsoleOutput output{.line = [this](const std::string& line) { lines.push_back(line); }};
    if (columns == 0) return output;
    output.bar = [this](const std::string& line) { bars.push_back(line); };
    output.columns = [this] { return columns; };
    output.redraw = 0;
    return output;
  }
};

bool begins_with(const std::string& text, const std::string& with) {
  return text.starts_with(with);
}

TEST(Console, ShowsALoopOfOnesOwn) {
  nn::AnyModule model = tiny_mlp();
  Trainer trainer(*model, classification(), {.epochs = 5});
  set_metrics(trainer, {"accuracy"});
  ShownLines shown{.columns = 120};
  Console console(shown.output(), ConsoleOptions{.print_every = "2ep"});
  trainer.add_observer(console);
  data::Loader loader(tiny_images(24), {.batch_size = 6});
  const EpochResult first = trainer.train_one_epoch(loader);
  EXPECT_TRUE(shown.lines.empty());
  ASSERT_EQ(shown.bars.size(), 4u);
  EXPECT_TRUE(begins_with(shown.bars[0],
                          "epoch 1/5  ━━━━━━━━━━──────────────────────────────   25%  loss "))
      << shown.bars[0];
  EXPECT_NE(shown.bars[3].find(fmt::format("100%  loss {:.4g}  lr 0.01  ", first.loss)),
            std::string::npos)
      << shown.bars[3];
  const EpochResult second = trainer.train_one_epoch(loader);
  ASSERT_EQ(shown.lines.size(), 1u);
  EXPECT_TRUE(
      begins_with(shown.lines[0], fmt::format("epoch 2/5  loss {:.4g}  accuracy {:.4g}  lr 0.01  ",
                                              second.loss, second.metrics.at("accuracy"))))
      << shown.lines[0];
  trainer.train_one_epoch(loader);
  EXPECT_EQ(shown.lines.size(), 1u);
  console.finish();
  ASSERT_EQ(shown.lines.size(), 2u);
  EXPECT_TRUE(begins_with(shown.lines[1], "epoch 3/5  loss ")) << shown.lines[1];
  console.finish();
  EXPECT_EQ(shown.lines.size(), 2u);
}

TEST(Console, ShowsALifeSignOfSlowEpochsWithoutATerminal) {
  struct Slow : TrainerObserver {
    void on_batch_begin(Trainer&, const BatchInProgress&) override {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  } slow;
  nn::AnyModule model = tiny_mlp();
  data::Loader loader(tiny_images(24), {.batch_size = 6});
  const auto lines_with = [&](const char* heartbeat, i64 columns) {
    Trainer trainer(*model, classification(), {.epochs = 2});
    ShownLines shown{.columns = columns};
    Console console(shown.output(), ConsoleOptions{.heartbeat = heartbeat});
    trainer.add_observer(slow);
    trainer.add_observer(console);
    for (int epoch = 0; epoch < 2; ++epoch) trainer.train_one_epoch(loader);
    return shown.lines;
  };
  const LineList lines = lines_with("0.000001s", 0);
  ASSERT_EQ(lines.size(), 8u) << fmt::format("{}", fmt::join(lines, "\n"));
  EXPECT_TRUE(begins_with(lines[1], "epoch 1/2   50%  loss ")) << lines[1];
  EXPECT_NE(lines[1].find(" left  "), std::string::npos) << lines[1];
  EXPECT_TRUE(begins_with(lines[3], "epoch 1/2  loss ")) << lines[3];
  EXPECT_TRUE(begins_with(lines[7], "epoch 2/2  loss ")) << lines[7];
  const Clock::time_point start = Clock::now();
  const std::size_t at_most = lines_with("0.03s", 0).size();
  EXPECT_LE(static_cast<double>(at_most), 2 + seconds_since(start) / 0.03);
  EXPECT_EQ(lines_with("0s", 0).size(), 2u);
  EXPECT_EQ(lines_with("1000s", 0).size(), 2u);
  EXPECT_EQ(lines_with("0.001s", 80).size(), 2u) << "the bar is the life sign";
}

class ConsoleOfARun : public CallbackRun {
 protected:
  LineList lines_of(std::vector<std::string> overrides,
                    const std::optional<ConsoleOptions>& options = {}) {
    Orchestrator run(config(std::move(overrides)), "test");
    ShownLines shown;
    run.add_callback(std::make_shared<Console>(shown.output(), options));
    run.train();
    LineList begin;
    for (const std::string& line : shown.lines) begin.push_back(line.substr(0, line.find("  ")));
    EXPECT_NE(shown.lines.back().find("  validation loss "), std::string::npos);
    std::filesystem::remove_all(folder_ / "run");
    return begin;
  }
};

TEST_F(ConsoleOfARun, PrintsEveryNthEpochAndTheLastOne) {
  EXPECT_EQ(lines_of({}).size(), 4u);
  EXPECT_EQ(lines_of({"run.print_every=3ep"}), (LineList{"epoch 3/4", "epoch 4/4"}));
  EXPECT_EQ(lines_of({"run.print_every=3ep"}, ConsoleOptions{.print_every = "9ep"}),
            (LineList{"epoch 4/4"}));
  EXPECT_EQ(lines_of({"run.print_every=9ep", "train.max_steps=7"}), (LineList{"epoch 3/4"}));
  EXPECT_EQ(lines_of({"run.print_every=9ep",
                      "callbacks=[{type: early_stopping, patience: 2, min_delta: 1000}]"}),
            (LineList{"epoch 3/4"}));
}

TEST_F(ConsoleOfARun, HasAllEpochsInMetricsWhateverIsPrinted) {
  Orchestrator(config({"run.print_every=4ep"}), "test").train();
  EXPECT_EQ(events("epoch").size(), 4u);
}

TEST_F(ConsoleOfARun, AsACallbackOfAConfigLogsItsLines) {
  LineList lines;
  const LogSink before = set_log_sink([&](LogLevel, std::string_view message) {
    if (message.starts_with("epoch ")) lines.emplace_back(message);
  });
  Orchestrator(config({"callbacks=[{type: console, print_every: 2ep}]"}), "test").train();
  set_log_sink(before);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(begins_with(lines[0], "epoch 2/4  loss ")) << lines[0];
}

TEST_F(ConsoleOfARun, RefusesWhatItCannotDo) {
  using test_support::message_of;
  for (const char* given : {"0ep", "0.5ep", "20ba"}) {
    const std::string refused =
        message_of([&] { config({std::string("run.print_every=") + given}); });
    EXPECT_NE(refused.find("run.print_every: expected whole epochs, at least 1ep"),
              std::string::npos)
        << refused;
    EXPECT_EQ(message_of([&] {
                Console({.line = [](const std::string&) {}}, ConsoleOptions{.print_every = given});
              }),
              "Console: print_every: expected whole epochs, at least 1ep");
  }
}

TEST(Console, WritesLinesToAFile) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  const ConsoleOutput output = console_on(file);
  EXPECT_FALSE(output.bar) << "a file is no terminal";
  output.line("one");
  output.line("two");
  std::rewind(file);
  char text[20] = {};
  EXPECT_EQ(std::fread(text, 1, sizeof(text), file), 8u);
  EXPECT_STREQ(text, "one\ntwo\n");
  std::fclose(file);
}

}  // namespace
}  // namespace weft::train
