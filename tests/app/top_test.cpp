// SPDX-License-Identifier: Apache-2.0
// `weft top` on a pseudo-terminal, and `weft lr-find` and `weft summary` as a user runs them.
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/tests/app/run_command.h"
#include "weft/tests/app/pseudo_terminal.h"
#include "weft/tests/support/scratch_folder.h"

namespace weft::app {
namespace {

using testing_app::PseudoTerminal;
using testing_app::Result;
namespace fs = std::filesystem;

constexpr const char* kLeaveScreen = "\033[?25h\033[?1049l";

class Top : public test_support::InScratchFolder {
 protected:
  Top() : InScratchFolder("top_command") {
    fs::create_directory(dir());
    std::ofstream(dir() / "config.yaml") << "data: digits\n";
    add(epoch(1, 2) + epoch(2, 1.5));
  }
  void add(const std::string& lines) const {
    std::ofstream(dir() / "metrics.jsonl", std::ios::binary | std::ios::app) << lines;
  }
  static std::string epoch(int epoch, double loss) {
    const std::string number = std::to_string(epoch);
    return "{\"schema\":1,\"event\":\"epoch\",\"epoch\":" + number + ",\"step\":" + number +
           "0,\"samples\":100,\"lr\":0.001,\"train/loss\":" + std::to_string(loss) +
           ",\"samples_per_second\":1000}\n";
  }
  Result weft(const std::string& arguments) const {
    return testing_app::run_command(folder_, arguments);
  }
};

TEST_F(Top, PrintsOnePictureWhereThereIsNoTerminal) {
  for (const char* arguments : {"top run", "top run --once"}) {
    const Result once = weft(arguments);
    EXPECT_EQ(once.code, 0) << once.output;
    EXPECT_EQ(once.output.find("run  2 epochs, 20 steps"), 0u) << once.output;
    EXPECT_NE(once.output.find("train 1.5"), std::string::npos) << once.output;
    EXPECT_EQ(once.output.find('\033'), std::string::npos) << once.output;
    EXPECT_EQ(once.output.find("q quit"), std::string::npos) << once.output;
  }
}

TEST_F(Top, RefusesWhatIsNoRun) {
  EXPECT_EQ(weft("top nothing").code, 2);
  fs::create_directory(dir("other"));
  const Result other = weft("top other");
  EXPECT_EQ(other.code, 2);
  EXPECT_NE(other.output.find("other has no config.yaml"), std::string::npos) << other.output;
  std::ofstream(dir("other") / "config.yaml") << "data: digits\n";
  const Result young = weft("top other");
  EXPECT_EQ(young.code, 0) << young.output;
  EXPECT_NE(young.output.find("waiting for the first epoch"), std::string::npos) << young.output;
}

TEST_F(Top, FollowsARunAndObeysKeysSlow) {
  PseudoTerminal terminal(folder_, "exec \"$WEFT\" top run");
  if (!terminal.exists()) GTEST_SKIP() << "no pseudo-terminal can be made here";
  ASSERT_TRUE(terminal.shows("2 epochs, 20 steps")) << terminal.output();
  EXPECT_FALSE(terminal.is_plain());
  EXPECT_EQ(terminal.output().find("\033[?1049h\033[?25l"), 0u);
  add(epoch(3, 0.125));
  EXPECT_TRUE(terminal.shows("train 0.125")) << terminal.output();
  terminal.type("\t");
  EXPECT_TRUE(terminal.shows("[lr]")) << terminal.output();
  std::size_t from = terminal.output().size();
  terminal.type("\033[D");  // the left arrow
  EXPECT_TRUE(terminal.shows("[loss]", from));
  from = terminal.output().size();
  terminal.type("l");
  EXPECT_TRUE(terminal.shows("logarithmic\033[K", from));
  fs::resize_file(dir() / "metrics.jsonl", epoch(1, 2).size());  // as a resumed run does
  EXPECT_TRUE(terminal.shows("1 epoch, 10 steps", from));
  from = terminal.output().size();
  terminal.resize(30, 8);
  EXPECT_TRUE(terminal.shows("q quit, tab next", from)) << "too narrow for all keys";
  terminal.type("q");
  EXPECT_EQ(terminal.end(), 0);
  EXPECT_TRUE(terminal.is_plain());
  EXPECT_TRUE(terminal.output().ends_with(kLeaveScreen));
}

TEST_F(Top, RestoresTheTerminalAfterSignals) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    PseudoTerminal terminal(folder_, "ulimit -c 0; exec \"$WEFT\" top run");
    if (!terminal.exists()) GTEST_SKIP() << "no pseudo-terminal can be made here";
    ASSERT_TRUE(terminal.shows("2 epochs, 20 steps")) << terminal.output();
    if (signal == SIGINT) terminal.type("\003");  // Ctrl-C
    else kill(terminal.child(), signal);
    EXPECT_EQ(terminal.end(), -signal);
    EXPECT_TRUE(terminal.is_plain()) << signal;
    EXPECT_NE(terminal.output().find(kLeaveScreen), std::string::npos) << signal;
  }
}

TEST_F(Top, GivesTheTerminalBackWhileItIsStopped) {
  PseudoTerminal terminal(folder_, "exec \"$WEFT\" top run");
  if (!terminal.exists()) GTEST_SKIP() << "no pseudo-terminal can be made here";
  ASSERT_TRUE(terminal.shows("2 epochs, 20 steps"));
  kill(terminal.child(), SIGTSTP);
  EXPECT_TRUE(terminal.shows(kLeaveScreen));
  // A process whose group has no shell is not stopped by SIGTSTP, and then takes the screen again.
  kill(terminal.child(), SIGCONT);
  EXPECT_TRUE(testing_app::wait_for([&] { return !terminal.is_plain(); }));
  terminal.type("q");
  EXPECT_EQ(terminal.end(), 0);
  EXPECT_TRUE(terminal.is_plain());
}

TEST_F(Top, ShowsNoColourWhereItIsNotWanted) {
  PseudoTerminal coloured(folder_, "exec \"$WEFT\" top run");
  if (!coloured.exists()) GTEST_SKIP() << "no pseudo-terminal can be made here";
  EXPECT_TRUE(coloured.shows("\033[38;5;"));
  PseudoTerminal plain(folder_, "NO_COLOR=1 exec \"$WEFT\" top run");
  ASSERT_TRUE(plain.shows("2 epochs, 20 steps"));
  EXPECT_EQ(plain.output().find("\033[38;5;"), std::string::npos);
}

class LrFindCommand : public test_support::InScratchFolder {
 protected:
  LrFindCommand() : InScratchFolder("lr_find_command") {
    std::ofstream(folder_ / "small.yaml")
        << "run: {threads: 1}\n"
           "data: {type: digits, train_size: 200, test_size: 40, validation_split: 0.1}\n"
           "model: {type: mlp, hidden: [16]}\n"
           "train: {epochs: 2, batch_size: 20}\n";
  }
  Result weft(const std::string& arguments) const {
    return testing_app::run_command(folder_, arguments);
  }
};

TEST_F(LrFindCommand, PrintsCurveAndSuggestionAndLeavesNothing) {
  const Result found = weft("lr-find small.yaml --steps 60 --out curve.svg");
  ASSERT_EQ(found.code, 0) << found.output;
  EXPECT_NE(found.output.find("Suggested: optimizer.lr="), std::string::npos) << found.output;
  EXPECT_NE(found.output.find("1e-07"), std::string::npos) << found.output;
  EXPECT_EQ(testing_app::file_text(folder_ / "curve.svg").find("<svg "), 0u);
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
  const Result json = weft("lr-find small.yaml train.batch_size=10 --steps 60 --json");
  ASSERT_EQ(json.code, 0) << json.output;
  const auto object = nlohmann::json::parse(json.output);
  EXPECT_GT(object["suggestion"].get<double>(), 0);
  EXPECT_GT(object["points"].size(), 20u);
}

TEST_F(LrFindCommand, RefusesOptionsOutOfRange) {
  EXPECT_EQ(weft("lr-find small.yaml --from 1 --to 0.1").code, 2);
  EXPECT_EQ(weft("lr-find small.yaml --steps 2").code, 2);
  EXPECT_EQ(weft("lr-find none.yaml").code, 2);
  EXPECT_EQ(weft("lr-find small.yaml --out nowhere/curve.svg --steps 20").code, 2);
}

TEST_F(LrFindCommand, SummaryShowsArithmeticAndMemory) {
  const Result summary = weft("summary small.yaml");
  ASSERT_EQ(summary.code, 0) << summary.output;
  // 784·16 + 16·10 products of a sample, two operations each.
  EXPECT_NE(summary.output.find("25.4k"), std::string::npos) << summary.output;
  EXPECT_NE(summary.output.find("count as 2"), std::string::npos) << summary.output;
  EXPECT_NE(summary.output.find("state of adamw"), std::string::npos) << summary.output;
  const Result half = weft("summary small.yaml precision=bf16");
  EXPECT_NE(half.output.find("compute in bf16"), std::string::npos) << half.output;
}

// The adversary has 784·16 + 16 + 16·784 + 784 parameters, and AdamW keeps two numbers for each.
TEST_F(LrFindCommand, SummaryCountsFurtherModels) {
  const std::string alone = weft("summary small.yaml optimizer=sgd").output;
  EXPECT_NE(alone.find(" at most\n"), std::string::npos) << alone;
  EXPECT_EQ(alone.find("besides"), std::string::npos) << alone;
  const Result summary = weft(
      "summary small.yaml optimizer=sgd train.batch_size=10 "
      "'trainer={type: adversarial, adversary: {model: {type: mlp, hidden: [16]}, "
      "optimizer: adamw}}'");
  ASSERT_EQ(summary.code, 0) << summary.output;
  for (const char* part :
       {"besides: adversary, 25,888 parameters, 25,888 of them trained; parameters 104 kB + ",
        " + gradients 104 kB + activations ",
        "; 1.25M FLOPs a step",  // 10 samples · 3 products, less that of the inputs
        "A step of 10 samples: 1.77M FLOPs, with further models.",
        "memory of a step: parameters 154 kB + gradients 154 kB + state of all optimizers 207 kB",
        "no upper bound, because trainer 'adversarial' may run a model more than once"})
    EXPECT_NE(summary.output.find(part), std::string::npos) << part << "\n" << summary.output;
  EXPECT_EQ(summary.output.find("at most"), std::string::npos) << summary.output;
}

TEST_F(LrFindCommand, SuggestsNoRateWhereTheLossHasExploded) {
  for (const char* to : {"1e5", "3e38"}) {
    const Result json =
        weft(std::string("lr-find small.yaml --from 1 --steps 20 --json --to ") + to);
    ASSERT_EQ(json.code, 0) << json.output;
    const auto object = nlohmann::json::parse(json.output);
    EXPECT_TRUE(object["suggestion"].is_null()) << json.output;
    EXPECT_NE(json.output.find("--from"), std::string::npos) << json.output;
  }
}

}  // namespace
}  // namespace weft::app
