// SPDX-License-Identifier: Apache-2.0
// Loggers that look at batches and gradients, and the figures of the machine that loggers get.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/tests/train/run_files.h"
#include "weft/train/run/nvml.h"
#include "weft/train/run/system_figures.h"

namespace weft::train {
namespace {

using namespace testing_runs;

struct Seen {
  i64 batches = 0, gradients = 0, system = 0, ends = 0;
  LogEvent last_system = {};
};
Seen watcher_saw;  // since watcher_saw = {}

struct WatcherOptions {
  bool watches = true;
  std::string throws = "nothing";
  double system_every = 0;
};
void describe(Fields& f, WatcherOptions& o) {
  f("watches", o.watches, "whether it watches the training");
  f("throws", o.throws, "where it throws: nothing, batch, needs, gradients or end");
  f("system_every", o.system_every, "seconds between figures of the machine");
}
class Watcher final : public Logger {
 public:
  explicit Watcher(const WatcherOptions& options) : options_(options) {}
  void log(const LogEvent& event) override {
    if (event.name != "system") return;
    ++watcher_saw.system;
    watcher_saw.last_system = event;
  }
  void end(const RunReport& report) override {
    throw_in("end");
    watcher_saw.ends += report.steps;
  }
  bool watches_training() const override { return options_.watches; }
  void on_batch_begin(Trainer&, const BatchInProgress& batch) override {
    throw_in("batch");
    watcher_saw.batches += batch.batch.x.defined() ? 1 : 0;
  }
  bool needs_gradients(const Trainer& trainer) const override {
    throw_in("needs");
    return trainer.progress().steps_begun % 4 == 0;
  }
  void on_gradients(Trainer&, double scale) override {
    throw_in("gradients");
    watcher_saw.gradients += scale > 0 ? 1 : 0;
  }
  double system_every() const override { return options_.system_every; }

 private:
  void throw_in(const char* place) const {
    if (options_.throws == place) throw std::runtime_error("no light");
  }
  WatcherOptions options_;
};
const bool has_watcher = Registry<Logger>::add<Watcher, WatcherOptions>("watcher");

class LoggersThatWatch : public InScratchFolder {
 protected:
  LoggersThatWatch() : InScratchFolder("loggers-watch") { watcher_saw = {}; }
  RunReport train(const std::string& name, const std::vector<std::string>& keys) const {
    return train_small(dir(name), keys);
  }
  static i64 count(const std::vector<std::string>& events, const std::string& name) {
    return std::count_if(events.begin(), events.end(), [&](const std::string& event) {
      return event.find("\"event\":\"" + name + "\"") != event.npos;
    });
  }
};

TEST_F(LoggersThatWatch, GetBatchesGradientsAndTheEnd) {
  train("run", {"loggers=[watcher]"});
  EXPECT_EQ(watcher_saw.batches, 8);
  EXPECT_EQ(watcher_saw.gradients, 8);  // on the CPU, of every step
  EXPECT_EQ(watcher_saw.ends, 8);
  EXPECT_EQ(watcher_saw.system, 0);
  watcher_saw = {};
  train("not", {"loggers=[{type: watcher, watches: false}]"});
  EXPECT_EQ(watcher_saw.batches + watcher_saw.gradients, 0);
  EXPECT_EQ(watcher_saw.ends, 8);
}

TEST_F(LoggersThatWatch, AndThrowAreAWarningOnce) {
  train("plain", {});
  for (const char* place : {"batch", "needs", "gradients", "end"}) {
    Log log;
    const RunReport report =
        train(place, {fmt::format("loggers=[{{type: watcher, throws: {}}}]", place)});
    EXPECT_EQ(report.failed, "");
    EXPECT_EQ(outcome_of(dir(place)), outcome_of(dir("plain"))) << place;
    const std::string sentence = "logger 'watcher': no light; the run goes on";
    EXPECT_NE(log.text().find(sentence), std::string::npos) << place << log.text();
    EXPECT_EQ(log.text().find(sentence), log.text().rfind(sentence)) << place << log.text();
  }
}

TEST_F(LoggersThatWatch, GetFiguresOfTheMachineWhenTheyAsk) {
  train("run", {"loggers=[{type: watcher, system_every: 1e-9}, watcher]"});
  EXPECT_EQ(watcher_saw.system, 9);  // after each step, and at the end
  EXPECT_EQ(watcher_saw.last_system.step, 8);
  EXPECT_GT(watcher_saw.last_system.number("process/memory_bytes").value_or(0), 1e6);
  EXPECT_EQ(count(events_of(dir("run")), "system"), 0);
  watcher_saw = {};
  train("rare", {"loggers=[{type: watcher, system_every: 1000}]"});
  EXPECT_EQ(watcher_saw.system, 1);
}

TEST_F(LoggersThatWatch, LeaveFiguresInTheMetricsToAnOption) {
  train("run", {"run.system_every=1e-9s", "loggers=[watcher]"});
  EXPECT_EQ(count(events_of(dir("run")), "system"), 9);
  EXPECT_EQ(watcher_saw.system, 0);
  train("plain", {});
  EXPECT_EQ(text_of(dir("plain") / "config.yaml").find("system_every"), std::string::npos);
}

TEST(FiguresOfTheMachine, AreShares) {
  SystemFigures system;
  volatile double work = 0;
  const auto start = Clock::now();
  while (seconds_since(start) < 0.05) work = work + 1;
  const std::map<std::string, double> figures = system.read();
  EXPECT_GT(figures.at("process/cpu"), 0);
  EXPECT_GT(figures.at("process/memory_bytes"), 1e6);
  EXPECT_GT(figures.at("machine/memory_bytes"), figures.at("process/memory_bytes"));
  EXPECT_GT(figures.at("machine/memory_total_bytes"), figures.at("machine/memory_bytes"));
  if (const auto cpu = figures.find("machine/cpu"); cpu != figures.end()) {
    EXPECT_GE(cpu->second, 0);
    EXPECT_LE(cpu->second, 1);
  }
}

TEST(FiguresOfTheMachine, HaveNoGpuWithoutItsLibrary) {
  EXPECT_EQ(Nvml::open("libweft-has-no-such.so.1"), nullptr);
  EXPECT_EQ(Nvml::open("libz.so.1"), nullptr);  // a library without its functions
}

}  // namespace
}  // namespace weft::train
