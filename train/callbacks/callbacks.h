// SPDX-License-Identifier: Apache-2.0
// The callbacks that a config can list: options with their defaults, and recipes. One .cpp per
// callback has its description for configs and its registration under the name of the recipe.
#pragma once
#include <string>

#include "weft/core/monitor_mode.h"
#include "weft/train/run/callback.h"

namespace weft::train {

// Ends the run when `monitor` has not improved by more than `min_delta` for `patience` looks: one
// per validation, or per epoch for train/loss. A NaN is no improvement.
struct EarlyStoppingOptions {
  std::string monitor = "validation/loss";
  MonitorMode mode = MonitorMode::min;
  i64 patience = 3;
  double min_delta = 0;
};
void describe(Fields& f, EarlyStoppingOptions& o);
CallbackRecipe early_stopping(const EarlyStoppingOptions& options = {});

// An average of the weights over the steps: average += (1 − decay)·(weights − average), on applied
// steps only. Validation looks at the average; each checkpoint has it as ema.safetensors beside the
// weights. With `warmup` the decay rises to its value as (1 + steps)/(10 + steps). Running
// statistics of batch norms are averaged in the same way: those of the moment belong to other
// weights than the averaged ones.
struct EmaOptions {
  double decay = 0.999;
  bool warmup = true;
};
void describe(Fields& f, EmaOptions& o);
CallbackRecipe ema(const EmaOptions& options = {});

// The norm of each layer's gradient, every so often: an event "gradients" in metrics.jsonl, and a
// warning once per layer and kind when a norm is NaN or infinite, zero, below `vanishing` or above
// `exploding`.
struct GradientMonitorOptions {
  Duration every = "50ba";
  double vanishing = 1e-8;
  double exploding = 1e3;
};
void describe(Fields& f, GradientMonitorOptions& o);
CallbackRecipe gradient_monitor(const GradientMonitorOptions& options = {});

// When training fails (a loss that is not finite, or with `diverged` one above that many times the
// best epoch's): weights and optimizer state of the last checkpoint, or the initial weights and
// none before there is one, every rate times `lr_factor`, and the epoch again; at most `times`
// times. Parameters that train now and did not then start without state. Steps go on being counted.
struct RollbackOptions {
  double lr_factor = 0.5;
  i64 times = 3;
  double diverged = 0;  // 0: only what is not finite
};
void describe(Fields& f, RollbackOptions& o);
CallbackRecipe rollback(const RollbackOptions& options = {});

// When the loss is not finite: runs the batch again op by op and says where the first bad number
// is: input, parameter or op with its layer, and in which samples. Logged, and in nan_report.txt in
// the run folder.
CallbackRecipe nan_report();

}  // namespace weft::train
