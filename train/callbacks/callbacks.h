// SPDX-License-Identifier: Apache-2.0
// The callbacks that a config can list: options with their defaults, and recipes. One .cpp per
// callback has its description for configs and its registration under the name of the recipe.
#pragma once
#include <string>

#include "weft/core/monitor_mode.h"
#include "weft/core/seconds.h"
#include "weft/train/run/callback.h"

namespace weft::train {

// Ends the run when `monitor` has not improved by more than `min_delta` for `patience` checks.
// There is one check per validation, or per epoch for a metric of training. A NaN is not an
// improvement.
struct EarlyStoppingOptions {
  std::string monitor = "validation/loss";
  MonitorMode mode = MonitorMode::by_metric;
  i64 patience = 3;
  double min_delta = 0;
};
void describe(Fields& f, EarlyStoppingOptions& o);
CallbackRecipe early_stopping(const EarlyStoppingOptions& options = {});

// An exponential moving average of the weights: average += (1 − decay)·(weights − average), after
// each applied step. Validation and test evaluate the average. Each checkpoint has it as
// ema.safetensors beside the weights. With `warmup` the decay is at most (1 + steps)/(10 + steps).
// Running statistics of batch norms are averaged in the same way, because the current statistics
// do not belong to the averaged weights.
struct EmaOptions {
  double decay = 0.999;
  bool warmup = true;
};
void describe(Fields& f, EmaOptions& o);
CallbackRecipe ema(const EmaOptions& options = {});

// Logs the gradient norm of each layer at the interval `every`, as an event "gradients" in
// metrics.jsonl. Warns when a norm is NaN or infinite, zero, below `vanishing` or above
// `exploding`, once per layer and kind.
struct GradientMonitorOptions {
  Duration every = "50ba";
  double vanishing = 1e-8;
  double exploding = 1e3;
};
void describe(Fields& f, GradientMonitorOptions& o);
CallbackRecipe gradient_monitor(const GradientMonitorOptions& options = {});

// Repeats an epoch in which training failed. Training fails when a loss is not finite, or with
// `diverged` when it exceeds that multiple of the best epoch's loss. Every learning rate is
// multiplied by `lr_factor`. This happens at most `times` times. The count of steps continues.
//
// Note [What a rollback goes back to]
// Weights and optimizer state of a checkpoint that was due by checkpoint.every are loaded: of the
// last one, or with `to: best` of the best one by checkpoint.monitor. Before the first, these are
// the initial weights and no state. Checkpoints of a stop or of a request do not count, so that a
// run that was stopped goes back to the same weights as one that was not. A checkpoint does not
// count either if the loss of its weights, on the first batch_size training samples, is not finite
// or more than kRange times the lowest one so far; otherwise a run that diverges over several
// checkpoints would go back to weights from which it cannot recover. The callback holds a copy of
// these weights and state in memory. A checkpoint that is not the one to go back to has the copy
// too. Parameters that were frozen in the copy start without state.
enum class RollbackTo { last, best };
constexpr EnumNames<2> names_of(RollbackTo) { return {"last", "best"}; }
struct RollbackOptions {
  double lr_factor = 0.5;
  i64 times = 3;
  double diverged = 0;  // 0: only a loss that is not finite
  RollbackTo to = RollbackTo::last;
};
void describe(Fields& f, RollbackOptions& o);
CallbackRecipe rollback(const RollbackOptions& options = {});

// Runs the batch again op by op when the loss is not finite. Reports where the first non-finite
// value is: input, parameter, or op with its layer, and in which samples. The report is logged and
// written to nan_report.txt in the run folder.
CallbackRecipe nan_report();

// Shows the run as lines: one per epoch, and a heartbeat in slow ones. They go to the log sink
// (core/log.h), so that a program which sets one needs no more. A program that has a terminal gives
// it to a Console (train/callbacks/console.h), which draws a bar too. `weft train` shows these
// lines without it; with it, the options here are those of its lines.
struct ConsoleOptions {
  // The line of every so many epochs, and that of the last one.
  Duration print_every = "1ep";
  // Without a bar: a line when there was none for so long; 0s: never.
  Seconds heartbeat = "30s";
};
void describe(Fields& f, ConsoleOptions& o);
CallbackRecipe console(const ConsoleOptions& options = {});

}  // namespace weft::train
