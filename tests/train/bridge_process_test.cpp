// SPDX-License-Identifier: Apache-2.0
// Bridges that work, end early, hang, do not read and cannot be started. Each is a shell script.
#include <csignal>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/error.h"
#include "weft/tests/support/message_of.h"
#include "weft/tests/train/run_files.h"
#include "weft/train/loggers/bridge_process.h"

namespace weft::train {
namespace {

using namespace testing_runs;

class Bridges : public InScratchFolder {
 protected:
  Bridges() : InScratchFolder("bridges") { fs::create_directories(dir()); }

  BridgeOptions shell(const std::string& script, double timeout = 20) {
    return {.command = {"/bin/sh", "-c", script},
            .log = dir() / "bridge.log",
            .timeout = timeout,
            .warn = [this](const std::string& text) {
              const std::lock_guard lock(mutex_);
              warnings_.push_back(text);
            }};
  }
  std::vector<std::string> warnings() {
    const std::lock_guard lock(mutex_);
    return warnings_;
  }
  bool warned_within(double seconds) {
    const auto start = Clock::now();
    while (warnings().empty() && seconds_since(start) < seconds)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return !warnings().empty();
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> warnings_;
};

TEST_F(Bridges, GetEveryLineInOrder) {
  const std::string copy = (dir() / "copy").string();
  {
    BridgeProcess bridge(
        shell("while read -r line; do echo \"$line\" >> " + copy + "; echo ok; done"));
    for (int i = 0; i < 200; ++i) bridge.send("line " + std::to_string(i));
    bridge.finish();
    bridge.send("too late");
  }
  std::string expected;
  for (int i = 0; i < 200; ++i) expected += "line " + std::to_string(i) + "\n";
  EXPECT_EQ(text_of(copy), expected);
  EXPECT_TRUE(warnings().empty()) << warnings().front();
}

TEST_F(Bridges, SayWhatIsWrong) {
  BridgeProcess bridge(shell("read line; echo warning this and that; read line; echo ok; read l"));
  bridge.send("one");
  bridge.send("two");
  bridge.finish();
  const std::string log = (dir() / "bridge.log").string();
  EXPECT_EQ(warnings(),
            (std::vector<std::string>{
                "this and that", "the bridge has ended by exit code 1 (" + log + " is empty)"}));
}

TEST_F(Bridges, ThatEndEarlyAreAWarningAtOnce) {
  {
    BridgeOptions options = shell("echo no ink >&2; exit 3");
    options.hint = "ink is required";
    BridgeProcess bridge(options);
    ASSERT_TRUE(warned_within(10));
    for (int i = 0; i < 1000; ++i) bridge.send("nobody reads it");  // and no SIGPIPE
  }
  ASSERT_EQ(warnings().size(), 1u);
  EXPECT_EQ(warnings().front().find("the bridge has ended by exit code 3 ("), 0u);
  EXPECT_NE(warnings().front().find("no ink); ink is required"), std::string::npos)
      << warnings().front();
}

// However fast it ends, and also if it calls that a success.
TEST_F(Bridges, ThatDoNotAnswerTheLastLineAreAWarning) {
  for (const char* script : {"exit 0", "read line; exit 0", "exit 1"}) {
    const std::size_t before = warnings().size();
    {
      BridgeProcess bridge(shell(script));
      bridge.send("one");
    }
    EXPECT_EQ(warnings().size(), before + 1) << script;
  }
}

TEST_F(Bridges, ThatEndByASignalAreAWarning) {
  BridgeProcess bridge(shell("kill -9 $$"));
  ASSERT_TRUE(warned_within(10));
  EXPECT_EQ(warnings().front().find("the bridge has ended by signal 9 ("), 0u);
}

TEST_F(Bridges, WithAReasonToEndSayItOnce) {
  {
    BridgeProcess bridge(shell("read line; echo fatal no package; exit 1"));
    bridge.send("begin");
    ASSERT_TRUE(warned_within(10));
  }
  EXPECT_EQ(warnings(), (std::vector<std::string>{"no package"}));
}

TEST_F(Bridges, ThatHangAreAWarningAndAreEnded) {
  const auto start = Clock::now();
  {
    BridgeProcess bridge(shell("read line; sleep 60", 0.3));
    bridge.send("one");
    ASSERT_TRUE(warned_within(10));
    EXPECT_EQ(warnings().front().find("the bridge has not answered for 0.3 s"), 0u);
  }
  EXPECT_LT(seconds_since(start), 20);
  EXPECT_NE(warnings().back().find("did not finish within 0.3 s and was ended"), std::string::npos);
}

TEST_F(Bridges, ThatDoNotReadLoseLinesAndNoTime) {
  BridgeOptions options = shell("sleep 60", 0.5);
  options.most_bytes = 100'000;
  BridgeProcess bridge(options);
  const std::string line(1000, 'x');
  const auto start = Clock::now();
  for (int i = 0; i < 2000; ++i) bridge.send(line);
  EXPECT_LT(seconds_since(start), 2);
  const std::string lost = "the bridge does not read what it is told, and some of it is lost";
  const std::vector<std::string> said = warnings();
  EXPECT_EQ(std::count(said.begin(), said.end(), lost), 1);
}

// Nothing of this process but the socket and the log, and no ignored or blocked signal.
TEST_F(Bridges, InheritNothingElse) {
  const std::string list = (dir() / "list").string();
  const auto before = std::signal(SIGINT, SIG_IGN);
  {
    BridgeProcess bridge(shell("ls /proc/$$/fd > " + list + "; grep SigIgn /proc/$$/status >> " +
                               list + "; cut -d' ' -f5 /proc/$$/stat >> " + list + "; echo $$ >> " +
                               list + "; read line"));
    bridge.finish();
  }
  std::signal(SIGINT, before);
  std::istringstream text(text_of(list));
  std::vector<std::string> words;
  for (std::string word; text >> word;) words.push_back(word);
  ASSERT_GE(words.size(), 6u) << text.str();
  const auto ignored = std::find(words.begin(), words.end(), "SigIgn:");
  ASSERT_LT(ignored + 3, words.end()) << text.str();
  for (auto word = words.begin(); word != ignored; ++word)  // 10 is the shell's own
    EXPECT_TRUE(*word == "0" || *word == "1" || *word == "2" || *word == "10") << *word;
  EXPECT_EQ(std::stoull(*(ignored + 1), nullptr, 16) & (1u << (SIGINT - 1)), 0u);
  EXPECT_EQ(words[words.size() - 2], words.back());  // it leads a process group
}

TEST_F(Bridges, ThatCannotBeStartedAreRefused) {
  BridgeOptions options = shell("");
  options.command = {"weft-has-no-such-program"};
  EXPECT_EQ(test_support::message_of([&] { BridgeProcess bridge(options); }),
            "weft-has-no-such-program cannot be started (No such file or directory)");
}

}  // namespace
}  // namespace weft::train
