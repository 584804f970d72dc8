// SPDX-License-Identifier: Apache-2.0
// Loggers take the events of a run. jsonl and csv are always on (metrics.jsonl, metrics.csv), and a
// config lists further ones by name (`loggers:`). Each gets the same events in the same order, on
// the thread that trains.
//
// A logger is a convenience and never ends a run: what it throws is a warning, once for each
// logger, and the run goes on. It is called again for the next event. Only its constructor may
// refuse options that do not fit, by a UserError; it opens nothing, because `weft summary` makes
// the loggers too.
//
// The hooks, in the order of a run:
//   state          when a run is resumed from a checkpoint that has its state
//   begin          once, before the first event
//   log            for each event
//   log_checkpoint for each checkpoint that is written, when training goes on or ends after it
//   end            once, when the run has ended or was stopped; not after an exception
//
// A logger may also look at batches, weights and gradients (watches_training). In a run of several
// ranks, each has the loggers, but only those of rank 0 begin, log and end.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "weft/core/registry.h"
#include "weft/tensor/state.h"
#include "weft/tensor/tensor.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/run/run_folder.h"

namespace weft::data {
class Loader;
}

namespace weft::train {

class LogFile;
class Trainer;
struct BatchInProgress;
struct RunReport;

// A Tensor is a table: int64 (rows, columns).
using LoggedValue = std::variant<i64, double, std::string, std::vector<std::string>, Tensor>;

struct LogEvent {
  // epoch, validation, step, test, rebuild, failed, system, or that of a callback's event
  std::string name;
  i64 step = 0;  // optimizer steps applied since the run began
  // In the order of the line in metrics.jsonl, with `step` among them.
  std::vector<std::pair<std::string, LoggedValue>> values = {};

  // The number of this name; none if there is no such value or it is no number.
  std::optional<double> number(std::string_view key) const;
};

struct LoggedRun {
  const RunFolder& folder;
  std::string config = {};                      // resolved, as YAML
  std::set<std::string> metrics = {};           // of an epoch with a validation: "train/loss", …
  const CheckpointAbout* resumed_at = nullptr;  // null for a new run
  // The folder with the logs up to the checkpoint; empty if it is `folder`.
  std::filesystem::path before = {};
  std::map<std::string, std::string> values = {};  // the config, by path: "optimizer.lr"
  const data::Loader* loader = nullptr;            // of training; lives as long as the logger
};

class Logger {
 public:
  static constexpr const char* kKind = "logger";
  virtual ~Logger() = default;
  // `run` lives for this call, and run.folder as long as the logger.
  virtual void begin(const LoggedRun& /*run*/) {}
  virtual void log(const LogEvent& event) = 0;
  // `folder` is the checkpoint of the step. A later save may delete it.
  virtual void log_checkpoint(i64 /*step*/, const std::filesystem::path& /*folder*/) {}
  virtual void end(const RunReport& /*report*/) {}
  // Saves or loads what a checkpoint has of it. Events after the checkpoint are logged again.
  virtual void state(State&) {}
  // The file whose size a checkpoint has; null for all loggers but jsonl and csv.
  virtual const LogFile* file() const { return nullptr; }

  // The hooks below are called, on all ranks, if this returns true. They are those of
  // TrainerObserver. needs_gradients must give the same answer on all ranks; a step for which it
  // returns true is not replayed from a graph.
  virtual bool watches_training() const { return false; }
  virtual void on_batch_begin(Trainer&, const BatchInProgress&) {}
  virtual bool needs_gradients(const Trainer&) const { return false; }
  virtual void on_gradients(Trainer&, double /*scale*/) {}
  // Seconds between two events `system` (train/run/system_figures.h) that it gets; 0: none.
  virtual double system_every() const { return 0; }
  // The folder in that of the run that it writes alone: a config may list one logger that writes
  // it. Empty: none, so that any number may be listed.
  virtual std::string own_folder() const { return ""; }
};

}  // namespace weft::train

namespace weft {
template <>
struct RegistryTraits<train::Logger> : RegistryDefaults<train::Logger> {
  static constexpr const char* kind = train::Logger::kKind;
  static constexpr bool can_be_disabled = true;
};
}  // namespace weft

namespace weft::train {
using LoggerRecipe = Recipe<Logger>;
}
