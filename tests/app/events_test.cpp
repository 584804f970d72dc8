// SPDX-License-Identifier: Apache-2.0
// `weft train --events FD`, with descriptors that are open, closed, and without a reader.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/tests/app/run_command.h"
#include "weft/tests/app/small_config.h"
#include "weft/tests/support/scratch_folder.h"
#include "weft/tests/train/run_files.h"

namespace weft::app {
namespace {

using namespace testing_app;
namespace fs = std::filesystem;
using Json = nlohmann::json;

class TrainEvents : public test_support::InScratchFolder {
 protected:
  TrainEvents() : InScratchFolder("events") { write_small_config(folder_); }

  // The exit code of a run whose events go to events.jsonl.
  int train(const std::string& arguments) const {
    return run_line(folder_, "exec \"$WEFT\" train small.yaml run.dir=run " + arguments +
                                 " --events 3 3>events.jsonl >out.txt 2>&1");
  }
  std::vector<Json> events() const {
    std::vector<Json> found;
    std::istringstream lines(text("events.jsonl"));
    for (std::string line; std::getline(lines, line);) found.push_back(Json::parse(line));
    return found;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const Json& event : events()) {
      EXPECT_EQ(event.at("schema"), 1) << event;
      found.push_back(event.at("event"));
    }
    return found;
  }
  std::string text(const std::string& name) const { return file_text(folder_ / name); }
};

TEST_F(TrainEvents, TellTheWholeRun) {
  EXPECT_EQ(train(""), 0) << text("out.txt");
  const std::vector<std::string> all = names();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all.front(), "begin");
  EXPECT_EQ(all.back(), "end");
  EXPECT_EQ(std::count(all.begin(), all.end(), "checkpoint"), 2);
  const Json begin = events().front(), end = events().back();
  EXPECT_EQ(begin.at("folder"), "run");
  EXPECT_EQ(begin.at("epochs"), 2);
  EXPECT_TRUE(begin.at("resumed_at").is_null());
  EXPECT_NE(begin.at("metrics").dump().find("\"validation/loss\""), std::string::npos);
  EXPECT_EQ(end.at("reason"), "complete");
  EXPECT_EQ(end.at("step"), 18);
  EXPECT_EQ(end.at("validation_loss"), end.at("validation").at("loss"));
  EXPECT_TRUE(end.at("test").contains("accuracy"));
  std::string lines;  // those of metrics.jsonl, word for word
  std::istringstream given(text("events.jsonl"));
  for (std::string line; std::getline(given, line);) {
    const std::string name = Json::parse(line).at("event");
    if (name == "checkpoint") {
      EXPECT_TRUE(std::string(Json::parse(line).at("folder")).starts_with("run/checkpoints/step-"));
    } else if (name != "begin" && name != "end") {
      lines += line + "\n";
    }
  }
  EXPECT_EQ(lines, text("run/metrics.jsonl"));
  EXPECT_FALSE(lines.empty());
}

TEST_F(TrainEvents, SayWhereAResumedRunGoesOn) {
  EXPECT_EQ(train(""), 0) << text("out.txt");
  EXPECT_EQ(train("resume=auto train.epochs=3"), 0) << text("out.txt");
  EXPECT_EQ(events().front().at("resumed_at"), 18);
  EXPECT_EQ(events().back().at("epochs"), 3);
}

TEST_F(TrainEvents, EndWithTheReason) {
  EXPECT_EQ(train("optimizer.type=sgd optimizer.lr=1e9"), 3);
  Json end = events().back();
  EXPECT_EQ(end.at("reason"), "failed");
  EXPECT_TRUE(end.at("validation_loss").is_null());
  const std::string why = end.at("message");
  EXPECT_NE(text("out.txt").find("weft: " + why), std::string::npos) << why;
  EXPECT_EQ(names().size(), events().size());

  EXPECT_EQ(train("optimizer.lrr=1"), 2);  // before there is a run
  ASSERT_EQ(names(), std::vector<std::string>{"end"});
  end = events().back();
  EXPECT_EQ(end.at("reason"), "error");
  EXPECT_NE(std::string(end.at("message")).find("optimizer.lrr"), std::string::npos);
}

TEST_F(TrainEvents, OfARunThatIsStopped) {
  const pid_t child =
      start_line(folder_,
                 "exec \"$WEFT\" train small.yaml run.dir=run train.epochs=1000000 "
                 "checkpoint.every=1000000ep --events 3 3>events.jsonl >out.txt 2>&1");
  const auto has = [&](const std::string& part) {
    return wait_for([&] { return text("events.jsonl").find(part) != std::string::npos; });
  };
  ASSERT_TRUE(has("\"event\":\"epoch\""));
  kill(child, SIGUSR1);
  EXPECT_TRUE(has("\"event\":\"checkpoint\"")) << text("out.txt");
  kill(child, SIGINT);
  EXPECT_EQ(end_of(child), 128 + SIGINT) << text("out.txt");
  EXPECT_EQ(events().back().at("reason"), "stopped");
}

TEST_F(TrainEvents, NeedAnOpenDescriptor) {
  const auto refusal = [&](const std::string& descriptor, const std::string& redirection) {
    const Result result = run_command(
        folder_, "train small.yaml run.dir=run --events " + descriptor + " " + redirection);
    EXPECT_EQ(result.code, 2) << result.output;
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
    EXPECT_FALSE(fs::exists(folder_ / "run"));
    return result.output;
  };
  EXPECT_NE(refusal("9", "9>&-").find("descriptor 9 is not open"), std::string::npos);
  EXPECT_NE(refusal("9", "9</dev/null").find("descriptor 9 cannot be written"), std::string::npos);
  EXPECT_NE(refusal("1", "").find("a descriptor of 3 or more is required"), std::string::npos);
  EXPECT_NE(refusal("-1", "").find("a descriptor of 3 or more is required"), std::string::npos);
  for (const char* text : {"three", "''", "3x", "0x3", "' 3'", "99999999999", "3.0"})
    EXPECT_NE(refusal(text, "").find("given; an open descriptor from 3 on, such as 3, is required"),
              std::string::npos)
        << text;
}

TEST_F(TrainEvents, WithoutAReaderTheRunGoesOn) {
  run_line(folder_,
           "{ \"$WEFT\" train small.yaml run.dir=run train.epochs=200 checkpoint.every=999ep "
           "--events 3 2>err.txt 3>&1 >out.txt; echo $? >code; } | head -n 1 >first");
  EXPECT_EQ(text("code"), "0\n") << text("err.txt");
  EXPECT_NE(text("first").find("\"event\":\"begin\""), std::string::npos);
  EXPECT_NE(text("run/log.txt").find("done after 200 epochs"), std::string::npos);
  const std::string printed = text("out.txt");
  const std::size_t warning = printed.find("a reader is required");
  ASSERT_NE(warning, std::string::npos) << printed;
  EXPECT_EQ(printed.find("a reader is required", warning + 1), std::string::npos) << printed;
}

// A full disk is no matter of a reader.
TEST_F(TrainEvents, OnAFullDiskTheRunGoesOn) {
  EXPECT_EQ(run_line(folder_,
                     "exec \"$WEFT\" train small.yaml run.dir=run --events 3 3>/dev/full "
                     ">out.txt 2>&1"),
            0);
  const std::string printed = text("out.txt");
  const std::string warning =
      "descriptor 3 cannot be written (No space left on device), and gets no further events; the "
      "run goes on";
  EXPECT_NE(printed.find(warning), std::string::npos) << printed;
  EXPECT_EQ(printed.find("reader"), std::string::npos) << printed;
}

}  // namespace
}  // namespace weft::app
