// SPDX-License-Identifier: Apache-2.0
// metrics.jsonl as series: what is read, what is passed over, what is refused.
#include <cmath>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "weft/tests/support/message_of.h"
#include "weft/tests/support/scratch_folder.h"
#include "weft/view/history.h"

namespace weft::view {
namespace {

using test_support::message_of;

class HistoryOfARun : public test_support::InScratchFolder {
 protected:
  HistoryOfARun() : InScratchFolder("history") {}
  void append(const std::string& text) {
    std::ofstream(folder_ / "metrics.jsonl", std::ios::app | std::ios::binary) << text;
  }
  void replace(const std::string& text) {
    std::ofstream(folder_ / "metrics.jsonl", std::ios::binary) << text;
  }
  std::string refusal() {
    return message_of([&] { History{folder_}; });
  }
};

std::string epoch_line(int epoch, int step, const std::string& more) {
  return R"({"schema":1,"event":"epoch","epoch":)" + std::to_string(epoch) + R"(,"step":)" +
         std::to_string(step) + R"(,"samples":)" + std::to_string(step * 10) + more + "}\n";
}

TEST_F(HistoryOfARun, HasSeriesByTheirNames) {
  append(R"({"schema":1,"event":"step","step":2,"loss":2.5,"lr":0.1,"scale":1024})"
         "\n" +
         epoch_line(1, 4, R"(,"lr":0.1,"train/loss":2,"validation/loss":null)") +
         R"({"schema":1,"event":"gradients","step":6,"norm/a.b":0.5,"unknown":"text"})"
         "\n" +
         epoch_line(2, 8, R"(,"lr":0.05,"train/loss":1,"validation/loss":1.5)") +
         R"({"schema":1,"event":"test","step":8,"samples":9,"test/loss":1.25,)"
         R"("test/confusion_matrix":[[3,1],[0,5]]})"
         "\n");
  const History history(folder_);
  EXPECT_EQ(history.epochs(), 2);
  EXPECT_EQ(history.steps(), 8);
  ASSERT_EQ(history.series("train/loss").size(), 2u);
  EXPECT_EQ(history.series("train/loss")[1].step, 8);
  EXPECT_EQ(history.series("train/loss")[1].value, 1);
  EXPECT_TRUE(std::isnan(history.series("validation/loss")[0].value));
  EXPECT_EQ(history.series("step/scale")[0].value, 1024);
  EXPECT_EQ(history.series("gradients/norm/a.b")[0].value, 0.5);
  EXPECT_TRUE(history.series("gradients/unknown").empty());
  EXPECT_EQ(history.test().at("test/loss"), 1.25);
  EXPECT_EQ(history.tables().at("test/confusion_matrix"), (Table{{3, 1}, {0, 5}}));
  EXPECT_FALSE(history.failure());
}

TEST_F(HistoryOfARun, HasNoTableOfNumbersThatAreNoCounts) {
  for (const char* number : {"-1", "1.5", "18446744073709551615", "1e30", "null"})
    append(fmt::format(
        R"({{"schema":1,"event":"test","step":8,"samples":9,"test/confusion_matrix":[[3,{}],[0,5]]}})"
        "\n",
        number));
  EXPECT_TRUE(History(folder_).tables().empty());
}

TEST_F(HistoryOfARun, KnowsTheEpochOfAStep) {
  append(epoch_line(1, 4, "") + epoch_line(2, 8, "") + epoch_line(3, 18, ""));
  const History history(folder_);
  EXPECT_DOUBLE_EQ(history.epoch_of(0), 0);
  EXPECT_DOUBLE_EQ(history.epoch_of(2), 0.5);
  EXPECT_DOUBLE_EQ(history.epoch_of(8), 2);
  EXPECT_DOUBLE_EQ(history.epoch_of(13), 2.5);
  EXPECT_DOUBLE_EQ(history.epoch_of(23), 3.5);  // at the pace of the last epoch
}

TEST_F(HistoryOfARun, ReadsWhatIsAdded) {
  append(epoch_line(1, 4, R"(,"train/loss":2)"));
  History history(folder_);
  EXPECT_FALSE(history.update());
  const std::string second = epoch_line(2, 8, R"(,"train/loss":1)");
  append(second.substr(0, 20));  // a writer is in the middle of it
  EXPECT_FALSE(history.update());
  EXPECT_EQ(history.epochs(), 1);
  append(second.substr(20));
  EXPECT_TRUE(history.update());
  EXPECT_EQ(history.series("train/loss").size(), 2u);
}

TEST_F(HistoryOfARun, BeginsAgainWhenTheFileWasCut) {
  append(epoch_line(1, 4, R"(,"train/loss":2)") + epoch_line(2, 8, R"(,"train/loss":1)"));
  History history(folder_);
  // The same length, as a resumed run may reach before this reads again.
  replace(epoch_line(1, 4, R"(,"train/loss":2)") + epoch_line(2, 8, R"(,"train/loss":9)"));
  EXPECT_TRUE(history.update());
  ASSERT_EQ(history.series("train/loss").size(), 2u);
  EXPECT_EQ(history.series("train/loss")[1].value, 9);
  replace(epoch_line(1, 4, R"(,"train/loss":2)"));
  EXPECT_TRUE(history.update());
  EXPECT_EQ(history.epochs(), 1);
}

TEST_F(HistoryOfARun, PassesOverADamagedLine) {
  append(epoch_line(1, 4, R"(,"train/loss":2)") + "{\"schema\":1,\"ev\n" +
         epoch_line(2, 8, R"(,"train/loss":1)") + R"({"schema":1,"event":"epo)");
  const History history(folder_);
  EXPECT_EQ(history.damaged_lines(), 1);
  EXPECT_EQ(history.epochs(), 2);
}

TEST_F(HistoryOfARun, IsEmptyForARunThatHasJustBegun) {
  std::ofstream(folder_ / "config.yaml") << "run: {}\n";
  History history(folder_);
  EXPECT_EQ(history.epochs(), 0);
  append(epoch_line(1, 4, ""));
  EXPECT_TRUE(history.update());
  EXPECT_EQ(history.epochs(), 1);
}

TEST_F(HistoryOfARun, SaysWhyARunFailed) {
  append(epoch_line(1, 4, "") +
         R"({"schema":1,"event":"failed","epoch":2,"step":6,"reason":"loss is NaN"})"
         "\n");
  History history(folder_);
  EXPECT_EQ(history.failure(), "loss is NaN");
  append(epoch_line(2, 8, ""));  // it was resumed
  history.update();
  EXPECT_FALSE(history.failure());
}

TEST_F(HistoryOfARun, RefusesWhatIsNoRun) {
  EXPECT_NE(refusal().find("is not the folder of a run"), std::string::npos) << refusal();
  EXPECT_NE(message_of([&] { History{folder_ / "none"}; }).find("is not a folder"),
            std::string::npos);
  append("step,loss\n1,2\n");
  EXPECT_NE(refusal().find("metrics.jsonl: line 1"), std::string::npos) << refusal();
  replace(R"({"schema":2,"event":"epoch","epoch":1,"step":1})"
          "\n");
  EXPECT_NE(refusal().find("schema is 2; schema 1 is required"), std::string::npos) << refusal();
  replace(R"({"schema":1,"event":"epoch","epoch":1,"step":-4})"
          "\n");
  EXPECT_NE(refusal().find("step is -4"), std::string::npos) << refusal();
}

TEST_F(HistoryOfARun, DoesNotFollowALink) {
  append(epoch_line(1, 4, ""));
  std::filesystem::create_directory(folder_ / "other");
  std::filesystem::create_symlink(folder_ / "metrics.jsonl", folder_ / "other" / "metrics.jsonl");
  EXPECT_NE(message_of([&] {
              History{folder_ / "other"};
            }).find("other/metrics.jsonl: it is a link, which is not followed; a file is required"),
            std::string::npos);
  std::filesystem::create_directories(folder_ / "third" / "metrics.jsonl");
  EXPECT_NE(message_of([&] { History{folder_ / "third"}; }).find("it is a folder; a file"),
            std::string::npos);
}

}  // namespace
}  // namespace weft::view
