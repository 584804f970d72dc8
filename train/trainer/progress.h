// SPDX-License-Identifier: Apache-2.0
// The progress of training, and the result of an epoch.
#pragma once
#include <limits>
#include <map>
#include <string>

#include "weft/tensor/state.h"
#include "weft/train/step/rank_exchange.h"
#include "weft/train/step/running_loss.h"

namespace weft::train {

struct EpochResult {
  i64 epoch = 0;    // epochs done, this one included
  double loss = 0;  // mean over the samples of the epoch
  double lr = 0;    // learning rate of the last step
  i64 steps = 0;    // optimizer steps made in this epoch
  i64 skipped = 0;  // steps not applied because a gradient was not finite
  i64 samples = 0;
  double seconds = 0;
  double samples_per_second = 0;
  double seconds_waited = 0;  // time spent waiting for the loader
  bool complete = true;       // false when stopped early (stop token, max_steps)
  // Of train.metrics, over the samples of the epoch: by name; tables are int64 (rows, columns).
  std::map<std::string, double> metrics = {};
  std::map<std::string, Tensor> tables = {};
  void state(State& s) {
    s.within("epoch", epoch, 1, kMostSaved)("loss", loss)("lr", lr);
    s.within("steps", steps, 0, kMostSaved).within("skipped", skipped, 0, kMostSaved);
    s.within("samples", samples, 0, kMostSaved).within("seconds", seconds, 0, kMostSaved);
    s.within("samples_per_second", samples_per_second, 0, kMostSaved);
    s.within("seconds_waited", seconds_waited, 0, kMostSaved)("complete", complete);
    if (s.has("metrics")) s("metrics", metrics)("tables", tables);
  }
};

// The progress within an epoch, which a checkpoint inside the epoch saves.
struct EpochProgress {
  i64 batches = 0, samples = 0;
  i64 steps = 0, skipped = 0;
  double seconds = 0;
  LossTotals loss;
  void state(State& s) {
    s.within("batches", batches, 0, kMostSaved).within("samples", samples, 0, kMostSaved);
    s.within("steps", steps, 0, kMostSaved).within("skipped", skipped, 0, kMostSaved);
    s.within("seconds", seconds, 0, kMostSaved)("loss", loss);
  }
};

// An optimizer step whose outcome the host knows. The loss and its sums are those of all ranks.
struct StepResult {
  i64 epoch = 0;  // from 1; 0: no step was made
  i64 batch = 0;  // the last of its batches in the epoch, from 1
  i64 step = 0;   // optimizer steps begun up to this one, skipped ones included
  // The mean over the samples of its batches alone; NaN if none has a weight.
  double loss = std::numeric_limits<double>::quiet_NaN();
  // The mean over the samples of the epoch up to this step.
  double epoch_loss = std::numeric_limits<double>::quiet_NaN();
  double lr = 0;
  bool applied = false;
};

struct TrainingProgress {
  i64 epochs_done = 0;
  i64 steps_begun = 0;       // applied or skipped
  EpochProgress epoch = {};  // of the current or interrupted epoch; zeros between epochs
  // True if `epoch` was loaded from a checkpoint; the next begin_epoch() continues there.
  bool resumed = false;
  // What any rank has asked for, as of the last step whose outcome is known; equal on all ranks.
  RankRequests asked = {};
  // The newest step whose outcome is known; on_step_end is called for it. Reading it never waits.
  StepResult last_step = {};

  i64 batches_to_skip() const { return resumed ? epoch.batches : 0; }
};

}  // namespace weft::train
