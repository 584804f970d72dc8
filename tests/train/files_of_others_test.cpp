// SPDX-License-Identifier: Apache-2.0
// A user's own files beside those of a run are neither removed nor replaced, and a run folder that
// lost its checkpoints or parts of its metrics loses nothing more.
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "weft/core/files.h"
#include "weft/tests/train/received_run.h"
#include "weft/train/checkpoint/checkpoints.h"
#include "weft/train/run/checkpoint_place.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train {
namespace {

using namespace testing_runs;

class FilesOfOthers : public ReceivedRun {};

TEST_F(FilesOfOthers, InACheckpointStay) {
  train({"checkpoint.every=4ba"});
  make_folder_of_link(checkpoints() / "last");
  write(checkpoints() / "last/NOTES", "mine");
  const std::string step = names_in(checkpoints()).back();
  ASSERT_EQ(step, "step-8");
  write(checkpoints() / "step-8/NOTES", "mine");
  fs::create_directories(checkpoints() / "step-8/.git");
  write(checkpoints() / "step-8/.git/HEAD", "mine");
  fs::create_directories(checkpoints() / ".step-3.tmp");
  write(checkpoints() / ".step-3.tmp/model.safetensors.tmp-12-0", "half");
  write(checkpoints() / ".step-3.tmp/NOTES", "mine");
  Log log;
  train({"resume=auto", "train.epochs=6", "checkpoint.keep_best=0", "checkpoint.monitor=train/loss",
         "checkpoint.mode=min"});
  EXPECT_TRUE(log.has("a folder has its name and holds other files too")) << log.text();
  EXPECT_TRUE(fs::exists(checkpoints() / "last/model.safetensors"));
  EXPECT_EQ(names_in(checkpoints() / "step-8"), (std::vector<std::string>{".git", "NOTES"}));
  EXPECT_TRUE(fs::exists(checkpoints() / "step-8/.git/HEAD"));
  EXPECT_EQ(names_in(checkpoints() / ".step-3.tmp"), (std::vector<std::string>{"NOTES"}));
  const std::string note = "step-8 holds files of something else, which stay there";
  EXPECT_EQ(log.text().find(note), log.text().rfind(note));
  EXPECT_TRUE(log.has(note)) << log.text();
  log.clear();
  train({"resume=auto", "train.epochs=7"});  // the rest of step-8 is no checkpoint
  EXPECT_FALSE(log.has("step-8")) << log.text();
}

TEST_F(FilesOfOthers, InCheckpointDirAreRefused) {
  const fs::path place = dir("place");
  const auto refused = [&] {
    const std::string text = refusal([&] { train({"checkpoint.dir=" + place.string()}); });
    EXPECT_FALSE(fs::exists(dir()));
    return text;
  };
  fs::create_directories(place);
  write(dir("file"), "x");
  for (const std::string& mine :
       {std::string("my notes\n"), std::string(), std::string("/a/run\nand more\n"),
        std::string("/a/run"), dir("file").string() + "\n"}) {
    write(place / "run.txt", mine);
    EXPECT_SAYS(refused(), "run.txt is not of weft");
    EXPECT_EQ(text_of(place / "run.txt"), mine);
  }
  fs::remove(place / "run.txt");
  fs::create_symlink(dir("file"), place / "run.txt");
  EXPECT_SAYS(refused(), "run.txt is not of weft");
  fs::remove(place / "run.txt");
  for (const char* name : {"last", "best"}) {
    fs::create_symlink("report-7", place / name);
    EXPECT_SAYS(refused(), "leads to report-7 and is not of weft");
    fs::remove(place / name);
  }
  write(place / "run.txt", dir("gone").string() + "\n");  // of a run that was removed
  fs::create_directory_symlink("step-8", place / "last");
  train({"checkpoint.dir=" + place.string()});
  EXPECT_EQ(text_of(place / "run.txt"), fs::canonical(dir()).string() + "\n");
}

TEST_F(FilesOfOthers, NoRunBeginsInACheckpoint) {
  train();
  for (const char* name : {"run/checkpoints/step-8", "run/checkpoints/step-8/x/y",
                           "run/checkpoints/last/x", "run/checkpoints/step-99/x"}) {
    EXPECT_SAYS(refusal([&] { train({}, name); }), "lies in the checkpoint") << name;
    EXPECT_SAYS(refusal([&] { train({"resume=auto"}, name); }), "lies in the checkpoint") << name;
    EXPECT_SAYS(refusal([&] { train({"checkpoint.dir=" + dir(name).string()}, "new"); }),
                "lies in the checkpoint");
  }
  EXPECT_FALSE(fs::exists(checkpoints() / "step-8/x"));
  EXPECT_FALSE(fs::exists(dir("new")));
}

TEST_F(FilesOfOthers, ALinkThatHasTheNameOfTheNewestIsNotPassedOver) {
  train({"checkpoint.keep_last=9"});
  const std::string metrics = text_of(dir() / "metrics.jsonl");
  fs::rename(checkpoints() / "step-8", dir("moved"));
  fs::create_directory_symlink(dir("moved"), checkpoints() / "step-8");
  const std::string link = "step-8 is a link, which is not followed";
  EXPECT_SAYS(refusal_of_resume({"train.epochs=3", "checkpoint.keep_last=9"}), link);
  for (const char* name : {"last", "best", "step-8"})
    EXPECT_SAYS(refusal([&] { find_checkpoint(dir(), name); }), link);
  fs::remove_all(checkpoints() / "step-4");
  EXPECT_SAYS(refusal_of_resume({"train.epochs=3", "checkpoint.keep_last=9"}), link);
  EXPECT_EQ(text_of(dir() / "metrics.jsonl"), metrics);
}

TEST_F(FilesOfOthers, ARunWithoutItsCheckpointsKeepsItsMetrics) {
  train();
  const std::string lines = text_of(dir() / "metrics.jsonl"),
                    table = text_of(dir() / "metrics.csv");
  for (int i = 1; i <= 2; ++i) {
    fs::remove_all(checkpoints());
    Log log;
    train({"resume=auto"});
    const std::string end = ".before-" + std::to_string(i);
    EXPECT_TRUE(log.has("it is kept as metrics.jsonl" + end)) << log.text();
    EXPECT_TRUE(log.has("it is kept as metrics.csv" + end)) << log.text();
    EXPECT_EQ(events_of(dir()).size(), 3u);
  }
  EXPECT_EQ(text_of(dir() / "metrics.jsonl.before-1"), lines);
  EXPECT_EQ(text_of(dir() / "metrics.csv.before-1"), table);
}

TEST_F(FilesOfOthers, ACheckpointUnderAnotherNameIsRefused) {
  train({"checkpoint.keep_last=9"});
  for (const char* name : {"step-99", "step-2"}) {
    fs::rename(checkpoints() / "step-8", checkpoints() / name);
    const std::string says =
        std::string(name) + " is the checkpoint of step 8, as its trainer_state.json";
    EXPECT_SAYS(refusal_of_resume({"train.epochs=3", "checkpoint.keep_last=9"}), says);
    EXPECT_SAYS(refusal([&] { train({"resume=" + (checkpoints() / name).string()}, "new"); }),
                says);
    for (const char* wanted : {"last", "best", name}) {
      const std::string refused = refusal([&] { find_checkpoint(dir(), wanted); });
      EXPECT_SAYS(refused, says);
      EXPECT_SAYS(refused, "rename it to step-8");
    }
    fs::rename(checkpoints() / name, checkpoints() / "step-8");
  }
  EXPECT_EQ(find_checkpoint(dir(), "last").filename(), "step-8");
}

TEST_F(FilesOfOthers, AnEmptyLogIsNoticed) {
  train();
  for (const char* name : {"metrics.csv", "metrics.jsonl"}) write(dir() / name, "");
  Log log;
  train({"resume=auto", "train.epochs=3"});
  EXPECT_TRUE(log.has("metrics.csv is empty, and with it ")) << log.text();
  EXPECT_TRUE(log.has("metrics.jsonl is empty, and with it ")) << log.text();
}

TEST_F(FilesOfOthers, ALogThatDoesNotBeginAsWeftsIsKeptAside) {
  train();
  const std::string lines = text_of(dir() / "metrics.jsonl"),
                    table = text_of(dir() / "metrics.csv");
  const std::string header = table.substr(0, table.find('\n') + 1);
  const auto wide = [](const std::string& text) {  // UTF-16
    std::string result = "\xFF\xFE";
    for (const char c : text) result += {c, '\0'};
    return result;
  };
  const std::vector<std::string> changed{table.substr(header.size()), wide(table), "a;b\n1;2\n"};
  for (std::size_t i = 0; i < changed.size(); ++i) {
    write(dir() / "metrics.csv", changed[i]);
    Log log;
    train({"resume=auto", "train.epochs=" + std::to_string(i + 3)});
    const std::string kept = "metrics.csv.before-" + std::to_string(i + 1);
    EXPECT_TRUE(log.has("it is kept as " + kept)) << log.text();
    EXPECT_EQ(text_of(dir() / kept), changed[i]);
    const std::string after = text_of(dir() / "metrics.csv");
    EXPECT_TRUE(after.starts_with(header + std::to_string(i + 3) + ",")) << after;
  }
  write(dir() / "metrics.jsonl", wide(lines));
  train({"resume=auto", "train.epochs=6"});
  EXPECT_EQ(text_of(dir() / "metrics.jsonl.before-1"), wide(lines));
  // A byte order mark alone is no other beginning.
  const std::string marked = "\xEF\xBB\xBF" + text_of(dir() / "metrics.csv");
  write(dir() / "metrics.csv", marked);
  train({"resume=auto", "train.epochs=7"});
  EXPECT_TRUE(text_of(dir() / "metrics.csv").find("\n7,28,") != std::string::npos)
      << text_of(dir() / "metrics.csv");
}

TEST_F(FilesOfOthers, ALockThatCannotBeOpenedIsSaid) {
  fs::create_directories(dir());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  Log log;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const RunFolder folder = RunFolder::reuse(dir().string());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(log.has("warning: run.dir: " + (dir() / ".lock").string() +
                      " cannot be opened (Too many open files); another process that writes"))
      << log.text();
  log.clear();
  EXPECT_NO_THROW(RunFolder::reuse(dir().string()));
  EXPECT_EQ(log.text(), "");
}

TEST_F(FilesOfOthers, ARunThatCannotBeginLeavesNoFolder) {
  const std::vector<Keys> bad{{"scheduler={type: exponential, gamma: 1e200}"},
                              {"scheduler={type: linear, final_factor: 1e308}", "optimizer.lr=1e9"},
                              {"scheduler={type: step, every: 1ba, gamma: 1e308}"}};
  for (const Keys& keys : bad) {
    if (refusal([&] { train(keys); }) == "accepted") fs::remove_all(dir());
    EXPECT_FALSE(fs::exists(dir())) << keys.front();
  }
  const std::string resize = "strategy={type: progressive_resize, stages: [{at: 0ep, shrink: 3}]}";
  EXPECT_SAYS(refusal([&] { train({resize}); }), "images whose height and width");
  EXPECT_FALSE(fs::exists(dir()));
  fs::create_directories(dir());
  write(dir() / ".lock", "");
  EXPECT_SAYS(refusal([&] { train({resize, "loggers=[tensorboard]"}); }), "images whose height");
  EXPECT_EQ(names_in(dir()), std::vector<std::string>{});
  train();
  EXPECT_TRUE(fs::exists(checkpoints() / "step-8"));
}

// The learning rates of later steps are looked up ahead.
TEST_F(FilesOfOthers, AScheduleNeedsNoStepsAfterTheEnd) {
  EXPECT_EQ(train({"scheduler={type: exponential, gamma: 1e18, every: 1ba}", "train.max_steps=3",
                   "optimizer.lr=2e-38"})
                .steps,
            3);
}

TEST_F(FilesOfOthers, ACheckpointThatIsGoneIsNotTheLastGoodOne) {
  Log log;
  Checkpoints all(dir(), {});
  Snapshot snapshot;
  snapshot.add("model.txt", "weights");
  all.save(std::move(snapshot), 1, {});
  EXPECT_TRUE(all.newest_good().has_value());
  fs::remove_all(dir() / "step-1");
  EXPECT_FALSE(all.newest_good().has_value());
}

}  // namespace
}  // namespace weft::train
