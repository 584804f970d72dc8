// SPDX-License-Identifier: Apache-2.0
// What `weft train` shows on a terminal, and where there is none.
#include <csignal>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/tests/app/pseudo_terminal.h"
#include "weft/tests/app/run_command.h"
#include "weft/tests/support/scratch_folder.h"
#include "weft/tests/train/run_files.h"
#include "weft/train/callbacks/console_lines.h"

namespace weft::app {
namespace {

using namespace testing_app;

// The bars in an output, each as it is on its line.
std::vector<std::string> bars_in(const std::string& output) {
  const std::string begin = "\r\033[2K\033[?7l", end = "\033[?7h";
  std::vector<std::string> bars;
  for (std::size_t at = 0; (at = output.find(begin, at)) != output.npos;) {
    at += begin.size();
    bars.push_back(output.substr(at, output.find(end, at) - at));
  }
  return bars;
}

class TerminalRun : public test_support::InScratchFolder {
 protected:
  TerminalRun() : InScratchFolder("terminal") {
    train::testing_runs::write(
        folder_ / "long.yaml",
        "run: {threads: 1, dir: run}\n"
        "data: {type: digits, train_size: 400, test_size: 40, validation_split: 0.1}\n"
        "model: {type: mlp, hidden: [64]}\n"
        "train: {epochs: 1000000, batch_size: 4}\n");
  }

  // Trains until `enough` of what is shown, then stops as Ctrl-C does. Returns what was shown.
  std::string shown(PseudoTerminal& terminal,
                    const std::function<bool(const std::string&)>& enough) const {
    EXPECT_TRUE(wait_for([&] { return enough(terminal.output()); })) << terminal.output();
    kill(terminal.child(), SIGINT);
    EXPECT_EQ(terminal.end(), 130);
    std::filesystem::remove_all(folder_ / "run");
    return terminal.output();
  }
  static constexpr const char* kTrain = "exec \"$WEFT\" train long.yaml 2>&1";
};

TEST_F(TerminalRun, SlowHasABarThatFollowsItsWidth) {
  PseudoTerminal terminal(folder_, kTrain, 100);
  ASSERT_TRUE(terminal.exists());
  std::size_t wide = 0;
  const std::string output = shown(terminal, [&](const std::string& so_far) {
    const std::size_t bars = bars_in(so_far).size();
    if (wide == 0 && bars >= 3) {
      wide = bars + 2;  // one or two may be under way
      terminal.resize(40, 24);
    }
    return wide > 0 && bars >= wide + 3;
  });
  const std::vector<std::string> bars = bars_in(output);
  ASSERT_GE(bars.size(), wide + 3);
  for (std::size_t i = 0; i < bars.size(); ++i) {
    EXPECT_LT(train::columns_of(bars[i]), i < wide ? 100 : 40) << bars[i];
    EXPECT_EQ(bars[i].find('\n'), std::string::npos);
    EXPECT_EQ(bars[i].find("\033[36m") != std::string::npos, bars[i].find("─") != std::string::npos)
        << "a bar has a colour: " << bars[i];
  }
  EXPECT_NE(bars[0].find("samples/s"), std::string::npos) << bars[0];
  EXPECT_NE(bars[0].find(" in all"), std::string::npos) << bars[0];
  EXPECT_NE(bars[0].find("─"), std::string::npos) << bars[0];
  EXPECT_EQ(bars.back().find("samples/s"), std::string::npos) << bars.back();
  // A line that stays replaces the bar.
  EXPECT_NE(output.find("\r\033[2Kepoch "), std::string::npos) << output;
}

TEST_F(TerminalRun, HasNoColourWhereNoneIsWanted) {
  PseudoTerminal terminal(folder_, std::string("NO_COLOR=1 ") + kTrain, 0);  // does not say
  ASSERT_TRUE(terminal.exists());
  const std::string output =
      shown(terminal, [](const std::string& so_far) { return !bars_in(so_far).empty(); });
  for (const std::string& bar : bars_in(output)) {
    EXPECT_EQ(bar.find('\033'), std::string::npos) << bar;
    EXPECT_LT(train::columns_of(bar), 80) << bar;
  }
}

TEST_F(TerminalRun, OfThePlainestKindHasLinesAlone) {
  PseudoTerminal terminal(folder_, std::string("TERM=dumb ") + kTrain);
  ASSERT_TRUE(terminal.exists());
  const std::string output = shown(terminal, [](const std::string& so_far) {
    return so_far.find("epoch       2/1000000") != so_far.npos;
  });
  EXPECT_EQ(output.find('\033'), std::string::npos) << output;
}

TEST_F(TerminalRun, ElsewhereThereAreHeartbeatsInSlowEpochs) {
  EXPECT_EQ(run_line(folder_,
                     "\"$WEFT\" train long.yaml train.epochs=2 run.heartbeat=0.000001s >out.txt"),
            0);
  const std::string output = file_text(folder_ / "out.txt");
  EXPECT_NE(output.find("\nepoch 1/2    1%  loss "), std::string::npos) << output;
  EXPECT_NE(output.find(" left  "), std::string::npos) << output;
  EXPECT_EQ(output.find('\033'), std::string::npos) << output;
  std::filesystem::remove_all(folder_ / "run");
  EXPECT_EQ(run_line(folder_,
                     "\"$WEFT\" train long.yaml train.epochs=5 run.print_every=2ep "
                     "train.metrics=[accuracy] >out.txt"),
            0);
  const std::string few = file_text(folder_ / "out.txt");
  for (const auto& [line, count] : std::map<std::string, std::ptrdiff_t>{
           {"\nepoch 1/5", 0}, {"\nepoch 2/5  loss ", 1}, {"\nepoch 3/5", 0}, {"\nepoch 5/5", 1}})
    EXPECT_EQ(few.find(line) != few.npos, count == 1) << few;
  EXPECT_NE(few.find("  accuracy ", few.find("\nepoch 2/5")), std::string::npos) << few;
}

// The log is shown, so the lines of the callback would come twice.
TEST_F(TerminalRun, HasTheLinesOfAConsoleCallbackOnce) {
  EXPECT_EQ(run_line(folder_,
                     "\"$WEFT\" train long.yaml train.epochs=4 "
                     "'callbacks=[{type: console, print_every: 2ep}]' >out.txt"),
            0);
  const std::string output = file_text(folder_ / "out.txt");
  std::vector<std::size_t> places;
  for (std::size_t at = 0; (at = output.find("\nepoch ", at)) != output.npos; ++at)
    places.push_back(at);
  EXPECT_EQ(places.size(), 2u) << output;
  EXPECT_NE(output.find("\nepoch 2/4  loss "), std::string::npos) << output;
}

}  // namespace
}  // namespace weft::app
