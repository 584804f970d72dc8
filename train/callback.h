// SPDX-License-Identifier: Apache-2.0
// What an application can watch of a run: progress bars, loggers, tests.
#pragma once
#include <map>
#include <string>

#include "weft/train/evaluator.h"
#include "weft/train/trainer.h"

namespace weft::train {

struct RunReport;
class Orchestrator;

// One epoch as it is shown and logged. `metrics` has "train/loss", "validation/loss",
// "validation/accuracy", …
struct EpochReport {
  EpochResult train;
  i64 epochs = 0;  // in all
  i64 step = 0;    // optimizer steps applied since the run began
  i64 samples_seen = 0;
  double seconds = 0;  // since the run began
  std::map<std::string, double> metrics;
};

class Callback {
 public:
  virtual ~Callback() = default;
  virtual void on_train_begin(Orchestrator&) {}
  virtual void on_progress(i64 /*epoch*/, const Progress&) {}
  virtual void on_epoch_end(const EpochReport&) {}
  virtual void on_train_end(const RunReport&) {}
};

}  // namespace weft::train
