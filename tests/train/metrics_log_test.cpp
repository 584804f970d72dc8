// SPDX-License-Identifier: Apache-2.0
// The logs of a run: what of them a resumed run keeps, and what happens if they cannot be written.
#include <string>

#include <gtest/gtest.h>

#include "weft/tests/train/run_files.h"
#include "weft/train/run/log_file.h"

namespace weft::train {
namespace {

using namespace testing_runs;

TEST(LogUntil, IsExactForAFileThatWasNotChanged) {
  EXPECT_EQ(log_until("a\nbb\nccc\n", 5, 2).bytes, 5u);
  EXPECT_EQ(log_until("a\nbb\nccc\n", 5, 2).note, "");
  EXPECT_EQ(log_until("a\nbb\nccc\n", 5, -1).bytes, 5u);
  EXPECT_EQ(log_until("a\nbb\nccc\n", 5, -1).lines, 2);
  EXPECT_EQ(log_until("", 0, 0).note, "");
  EXPECT_EQ(log_until("later\n", 0, 0).bytes, 0u);
}

TEST(LogUntil, NeverCutsALine) {
  const std::string resaved = "a\r\nbb\r\nccc\r\n";
  EXPECT_EQ(log_until(resaved, 5, 2).bytes, 7u);  // by the lines
  EXPECT_NE(log_until(resaved, 5, 2).note.find("was changed since"), std::string::npos);
  EXPECT_EQ(log_until(resaved, 5, -1).bytes, 7u);  // byte 5 lies in the second line
  EXPECT_EQ(log_until(resaved, 9, -1).bytes, 12u);
  // Many lines, each a byte longer.
  std::string text, longer;
  for (int i = 0; i < 100; ++i) text += "1,2\n", longer += "1,2\r\n";
  EXPECT_EQ(log_until(longer + "3,4\r\n", static_cast<i64>(text.size()), 100).bytes, longer.size());
}

TEST(LogUntil, KeepsWhatIsWholeOfAFileThatWasCut) {
  const LogPart part = log_until("a\nbb\ncc", 9, 3);
  EXPECT_EQ(part.bytes, 5u);
  EXPECT_EQ(part.lines, 2);
  EXPECT_NE(part.note.find("was cut since the checkpoint, which had 9 bytes of it: its first 2"),
            std::string::npos);
  EXPECT_NE(part.note.find("a part of a line is dropped"), std::string::npos) << part.note;
  EXPECT_EQ(log_until("a\nbb\ncc", i64{1} << 60, -1).bytes, 5u);
}

class MetricsFiles : public InScratchFolder {
 protected:
  MetricsFiles() : InScratchFolder("metrics-log") {}
  RunReport train(const std::vector<std::string>& keys) const { return train_small(dir(), keys); }
  static void replace_all(const fs::path& path, const std::string& from, const std::string& to) {
    std::string text = text_of(path);
    for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
      text.replace(at, from.size(), to);
    write(path, text);
  }
};

TEST_F(MetricsFiles, HaveAllColumnsFromTheStart) {
  train({"validation.every=2ep", "train.epochs=4"});
  const std::string table = text_of(dir() / "metrics.csv");
  EXPECT_EQ(table.substr(0, table.find('\n')),
            "epoch,step,samples,lr,train/loss,validation/accuracy,validation/loss,skipped_steps,"
            "samples_per_second,seconds");
  EXPECT_NE(table.find("\n4,16,"), std::string::npos) << table;
  EXPECT_NE(table.find(",,,0,"), std::string::npos) << table;  // an epoch without a validation
}

TEST_F(MetricsFiles, ThatWereSavedAnewAreNotGlued) {
  train({});
  replace_all(dir() / "metrics.csv", "\n", "\r\n");
  replace_all(dir() / "metrics.jsonl", "\"schema\":1", "\"schema\": 1");
  Log log;
  train({"resume=auto", "train.epochs=3"});
  EXPECT_TRUE(log.has("metrics.csv was changed since the checkpoint")) << log.text();
  EXPECT_EQ(events_of(dir()).size(), 4u);  // three epochs and the test
  const std::string table = text_of(dir() / "metrics.csv");
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 4);
  EXPECT_NE(table.find("\r\n3,12,"), std::string::npos) << table;
}

TEST_F(MetricsFiles, ThatAreMissingDoNotRefuseAResume) {
  train({});
  fs::remove(dir() / "metrics.csv");
  Log log;
  EXPECT_EQ(train({"resume=auto", "train.epochs=3"}).steps, 12);
  EXPECT_TRUE(log.has("metrics.csv is missing")) << log.text();
  const std::string table = text_of(dir() / "metrics.csv");
  EXPECT_EQ(table.find("epoch,step,"), 0u) << table;
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 2);
}

TEST_F(MetricsFiles, ThatCannotBeWrittenAreAWarning) {
  const RunFolder folder = RunFolder::create(dir().string(), "test");
  MetricsLog metrics;
  metrics.begin({.folder = folder});
  fs::create_directory(dir() / "metrics.jsonl");
  Log log;
  metrics.add_event("first", 1, {});
  metrics.add_event("second", 2, {});
  const std::string once = "the run goes on without these lines";
  EXPECT_TRUE(log.has(once)) << log.text();
  EXPECT_EQ(log.text().find(once), log.text().rfind(once)) << log.text();
  fs::remove(dir() / "metrics.jsonl");
  metrics.add_event("third", 3, {});
  EXPECT_TRUE(log.has("can be written again; 2 lines are missing in it")) << log.text();
  EXPECT_EQ(text_of(dir() / "metrics.jsonl"), "{\"schema\":1,\"event\":\"third\",\"step\":3}\n");
}

TEST_F(MetricsFiles, SayThatARunFailed) {
  const RunReport report = train({"optimizer={type: sgd, lr: 1e30}", "train.epochs=3"});
  EXPECT_FALSE(report.failed.empty());
  EXPECT_FALSE(report.saved);
  const std::string last = events_of(dir()).back();
  EXPECT_NE(last.find("\"event\":\"failed\""), std::string::npos) << last;
  EXPECT_NE(last.find("\"reason\":\"the loss is"), std::string::npos) << last;
}

TEST_F(MetricsFiles, DoNotContinueALineThatAKillHasCutOff) {
  const RunFolder folder = RunFolder::create(dir().string(), "test");
  write(dir() / "log.txt", "half a li");
  folder.append("log.txt", "next");
  EXPECT_EQ(text_of(dir() / "log.txt"), "half a li\nnext\n");
}

}  // namespace
}  // namespace weft::train
