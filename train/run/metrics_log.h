// SPDX-License-Identifier: Apache-2.0
// The events of a run, which go to all of its loggers: epoch, validation (one within an epoch),
// step (run.log_every), test, rebuild (of optimizer and schedule, by a strategy), failed (with the
// reason), system (the machine), and the events of callbacks.
//
// Note [Figures of the machine]
// They are read at the end of the first step that is due by the clock, on the thread that trains. A
// step then costs a look at the clock, and no logger needs a lock. Their lines differ from run to
// run, where those of a resumed run are else those of one that was not stopped; so they go only to
// a logger that asks for them, and to metrics.jsonl with run.system_every.
#pragma once
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/run/callback.h"
#include "weft/train/run/logger.h"

namespace weft::train {

class MetricsLog {
 public:
  // Makes the loggers jsonl and csv, then these. Throws the UserError of a constructor; anything
  // else that it throws is a warning, and the logger is left out. `system_every` is that of jsonl.
  explicit MetricsLog(const std::vector<LoggerRecipe>& loggers = {}, double system_every = 0);
  // Adds an observer for the loggers that watch the training or want figures of the machine; none
  // if there are no such loggers. This must not move while the trainer trains.
  void watch(Trainer& trainer);

  // Adds a logger that no config names, after the others. No checkpoint has its state.
  void add_logger(std::unique_ptr<Logger> logger, std::string name);

  // Begins all loggers. Events before this are dropped: a resumed run has logged them already.
  void begin(const LoggedRun& run);
  // Ends all loggers.
  void end(const RunReport& report);
  // The current size of each file in bytes, and in lines, for a checkpoint.
  std::map<std::string, i64> sizes() const;
  std::map<std::string, i64> lines() const;
  // The state of the loggers as parts of a checkpoint, which only those have that save something.
  void save_states(StateParts& parts);
  void load_states(const CheckpointReader& from);

  void add(const EpochReport& report);
  // The result on the test split. It has the key `weights` unless the model's own weights were
  // evaluated.
  void add_test(i64 step, const Evaluation& evaluation);
  // `samples` says how many a validation of some samples looked at; 0: all.
  void add_validation(i64 epoch, i64 step, const Evaluation& evaluation, i64 samples);
  // The newest step whose outcome is known.
  void add_step(const Trainer& trainer);
  void add_rebuild(i64 epoch, i64 step, const optim::RebuildReport& report);
  void add_failure(i64 epoch, i64 step, const std::string& reason);
  // A checkpoint of this step was written. No line of metrics.jsonl says so.
  void add_checkpoint(i64 step, const std::filesystem::path& folder);
  // An event of a callback.
  void add_event(const std::string& event, i64 step, const std::map<std::string, double>& values);

 private:
  struct Sink {
    std::unique_ptr<Logger> logger;
    std::string name;
    std::string part;         // of a checkpoint; empty for jsonl and csv
    double system_every = 0;  // seconds
    bool failed = false;
  };
  class Watch;
  static void warn(Sink& sink, const std::string& reason);
  // Calls a logger. What it throws is a warning, once.
  template <class F>
  static void guarded(Sink& sink, const F& call) {
    std::string reason;
    try {
      return call();
    } catch (const std::exception& error) {
      reason = error.what();
    } catch (...) {
      reason = "it threw an exception of a type of its own";
    }
    warn(sink, reason);
  }
  void log(const LogEvent& event);
  void begin_watch();

  std::vector<Sink> sinks_;
  std::shared_ptr<Watch> watch_;
  bool begun_ = false;
};

}  // namespace weft::train
