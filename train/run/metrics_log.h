// SPDX-License-Identifier: Apache-2.0
// The events of a run, which go to all of its loggers: epoch, validation (one within an epoch),
// test, rebuild (of optimizer and schedule, by a strategy), failed (with the reason), and the
// events of callbacks.
#pragma once
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
  // else that it throws is a warning, and the logger is left out.
  explicit MetricsLog(const std::vector<LoggerRecipe>& loggers = {});

  // Adds a logger that no config names, after the others. No checkpoint has its state.
  void add_logger(std::unique_ptr<Logger> logger, std::string name);

  // Begins all loggers. Events before this are dropped: a resumed run has logged them already.
  void begin(const LoggedRun& run);
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
    std::string part;  // of a checkpoint; empty for jsonl and csv
    bool failed = false;
  };
  static void warn(Sink& sink, const std::string& reason);
  template <class F>
  static void guarded(Sink& sink, const F& call);
  void log(const LogEvent& event);

  std::vector<Sink> sinks_;
  bool begun_ = false;
};

}  // namespace weft::train
