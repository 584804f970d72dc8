// SPDX-License-Identifier: Apache-2.0
// Loggers of a config: what they get, when, and what happens if one throws.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/tests/support/message_of.h"
#include "weft/tests/train/run_files.h"

namespace weft::train {
namespace {

using namespace testing_runs;

std::vector<std::string> noted;  // by all of the loggers below, since noted.clear()

struct NotesOptions {
  std::string title = "notes";
  std::string throws = "nothing";
};
void describe(Fields& f, NotesOptions& o) {
  f("title", o.title, "begins each note");
  f("throws", o.throws, "where it throws: nothing, make, refuse, begin, log, state or number");
}
class Notes final : public Logger {
 public:
  explicit Notes(const NotesOptions& options) : options_(options) {
    fail_in("make");
    WEFT_CHECK(options_.throws != "refuse", "notes: refuse given; something else is required");
  }
  void begin(const LoggedRun& run) override {
    fail_in("begin");
    note(fmt::format(
        "begin {} metrics, {}, config {}", run.metrics.size(),
        run.resumed_at == nullptr ? "new" : fmt::format("resumed at {}", run.resumed_at->step),
        run.config.find("\ntrain:") != std::string::npos));
  }
  void log(const LogEvent& event) override {
    ++events_;
    fail_in("log");
    if (options_.throws == "number") throw 7;  // NOLINT: as a careless author would
    note(fmt::format("{} {} {}", event.name, event.step,
                     event.number("train/loss") && !event.number("nothing")));
  }
  void state(State& s) override {
    fail_in("state");
    s("events", events_);
    if (s.loading()) note(fmt::format("had {}", events_));
  }

 private:
  void note(const std::string& text) { noted.push_back(options_.title + ": " + text); }
  void fail_in(const std::string& place) const {
    if (options_.throws == place) throw std::runtime_error("no paper");
  }
  NotesOptions options_;
  i64 events_ = 0;
};
struct FolderOfOthers final : Logger {
  void log(const LogEvent&) override {}
  std::string own_folder() const override { return "tensorboard"; }
};
const bool has_folder_of_others = Registry<Logger>::add<FolderOfOthers>("same_folder");
const bool has_notes = Registry<Logger>::add<Notes, NotesOptions>("notes") &&
                       Registry<Logger>::add<Notes, NotesOptions>("other_notes");

using Lines = std::vector<std::string>;

class Loggers : public InScratchFolder {
 protected:
  Loggers() : InScratchFolder("loggers") { noted.clear(); }
  RunReport train(const std::string& name, const Lines& keys) const {
    return train_small(dir(name), keys);
  }
  std::string refusal(const Lines& keys) const {
    return test_support::message_of([&] { train("refused", keys); });
  }
};

TEST_F(Loggers, GetTheEventsOfTheRunInOrder) {
  train("run", {"loggers=[notes, {type: notes, title: more}, {type: notes, enabled: false}]"});
  const Lines expected{"notes: begin 3 metrics, new, config true",
                       "more: begin 3 metrics, new, config true",
                       "notes: epoch 4 true",
                       "more: epoch 4 true",
                       "notes: epoch 8 true",
                       "more: epoch 8 true",
                       "notes: test 8 false",
                       "more: test 8 false"};
  EXPECT_EQ(noted, expected);
  EXPECT_NE(text_of(dir("run") / "config.yaml").find("title: more"), std::string::npos);
}

TEST_F(Loggers, LeaveTheFilesOfTheRunAsTheyAre) {
  train("plain", {});
  train("logged", {"loggers=[notes]"});
  EXPECT_EQ(outcome_of(dir("logged")), outcome_of(dir("plain")));
  EXPECT_EQ(text_of(dir("plain") / "config.yaml").find("\nloggers"), std::string::npos);
}

TEST_F(Loggers, ThatThrowAreAWarningOnce) {
  train("plain", {});
  for (const char* place : {"make", "begin", "log", "state", "number"}) {
    Log log;
    const RunReport report =
        train(place, {fmt::format("loggers=[{{type: notes, throws: {}}}]", place)});
    EXPECT_EQ(report.failed, "");
    EXPECT_EQ(report.steps, 8);
    EXPECT_EQ(outcome_of(dir(place)), outcome_of(dir("plain"))) << place;
    const std::string sentence = fmt::format(
        "logger 'notes': {}; the run goes on without what it does not log",
        std::string(place) == "number" ? "it threw an exception of a type of its own" : "no paper");
    EXPECT_NE(log.text().find(sentence), std::string::npos) << place << log.text();
    EXPECT_EQ(log.text().find(sentence), log.text().rfind(sentence)) << place << log.text();
  }
}

TEST_F(Loggers, OfAPluginThatCannotBeMadeAreAWarningToo) {
  if (const auto names = registry_of("logger").names();
      std::find(names.begin(), names.end(), "foreign_notes") == names.end()) {
    const detail::OriginScope scope("libnotes.so");
    Registry<Logger>::add<Notes, NotesOptions>("foreign_notes");
  }
  Log log;
  EXPECT_EQ(train("run", {"loggers=[{type: foreign_notes, throws: make}]"}).steps, 8);
  EXPECT_TRUE(log.has("logger 'foreign_notes': no paper; the run goes on without")) << log.text();
  EXPECT_NE(
      refusal({"loggers=[{type: foreign_notes, throws: refuse}]"}).find("notes: refuse given"),
      std::string::npos);
}

// A logger that failed in the beginning is asked again.
TEST_F(Loggers, ThatThrewGetTheNextEvent) {
  train("run", {"loggers=[{type: notes, throws: begin}]"});
  EXPECT_EQ(noted, (Lines{"notes: epoch 4 true", "notes: epoch 8 true", "notes: test 8 false"}));
}

TEST_F(Loggers, GoOnFromACheckpointWithTheirState) {
  train("run", {"loggers=[notes]"});
  noted.clear();
  train("run", {"loggers=[notes]", "resume=auto", "train.epochs=3"});
  EXPECT_EQ(noted, (Lines{"notes: had 2", "notes: begin 3 metrics, resumed at 8, config true",
                          "notes: epoch 12 true", "notes: test 12 false"}));
}

TEST_F(Loggers, KeepTheirStateWhenAnotherComesBefore) {
  train("run", {"loggers=[notes]"});
  noted.clear();
  train("run",
        {"loggers=[{type: other_notes, title: other}, notes]", "resume=auto", "train.epochs=3"});
  EXPECT_EQ(noted.front(), "notes: had 2");
}

TEST_F(Loggers, MayChangeOnAResume) {
  train("run", {"loggers=[notes]"});
  noted.clear();
  EXPECT_EQ(train("run", {"resume=auto", "train.epochs=3"}).steps, 12);
  EXPECT_TRUE(noted.empty());
  EXPECT_EQ(
      train("run", {"resume=auto", "train.epochs=4", "loggers=[{type: notes, title: new}]"}).steps,
      16);
  EXPECT_EQ(noted.front(), "new: begin 3 metrics, resumed at 12, config true");
  // The state of another logger is not this one's fault.
  Log log;
  EXPECT_EQ(
      train("run", {"resume=auto", "train.epochs=5", "loggers=[{type: notes, throws: state}]"})
          .steps,
      20);
  EXPECT_TRUE(log.has("logger 'notes': no paper")) << log.text();
}

TEST_F(Loggers, WhatDoesNotFitIsRefused) {
  EXPECT_NE(refusal({"loggers=[{type: notes, throws: refuse}]"}).find("notes: refuse given"),
            std::string::npos);
  for (const char* given : {"loggers=[csv]", "loggers=[{type: jsonl, enabled: false}]"})
    EXPECT_NE(refusal({given}).find("expected loggers besides jsonl and csv, which are always on; "
                                    "loggers[0] is "),
              std::string::npos)
        << refusal({given});
  EXPECT_NE(refusal({"loggers=[notes, csv]"}).find("always on; loggers[1] is csv"),
            std::string::npos)
      << refusal({"loggers=[notes, csv]"});
  EXPECT_NE(refusal({"loggers=[tensorboard, notes, {type: tensorboard, histograms: 0ep}]"})
                .find("loggers[2]: tensorboard is given twice, and each would write the folder "
                      "tensorboard of the run; one is required"),
            std::string::npos);
  EXPECT_NE(
      refusal({"loggers=[{type: wandb, mode: offline}, {type: wandb, mode: disabled}, wandb]"})
          .find("loggers[2]: wandb is given twice, and each would write the folder wandb of "
                "the run; one is required"),
      std::string::npos);
  EXPECT_NE(refusal({"loggers=[tensorboard, same_folder]"})
                .find("loggers[1]: same_folder is given beside tensorboard, and each would write "
                      "the folder tensorboard"),
            std::string::npos);
  const char* const off = "loggers=[tensorboard, {type: tensorboard, enabled: false}]";
  EXPECT_EQ(train("once", {off}).steps, 8);
  EXPECT_NE(refusal({"loggers=[note]"}).find("'notes'"), std::string::npos)
      << refusal({"loggers=[note]"});
  EXPECT_FALSE(fs::exists(dir("refused")));
}

}  // namespace
}  // namespace weft::train
