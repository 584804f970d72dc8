// SPDX-License-Identifier: Apache-2.0
// TrainerOptions, and the keys of a config's section `train`. Both are described here, once: a
// Trainer refuses the same values as a config, with the same words.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "weft/core/fields.h"
#include "weft/data/normalize.h"
#include "weft/optim/optimizer.h"
#include "weft/optim/schedules.h"
#include "weft/optim/sgd.h"
#include "weft/train/step/precision.h"
#include "weft/train/step/rank_exchange.h"

namespace weft::train {

// The action of a Trainer when memory runs out in a step (Note [Out of memory]).
enum class OnOutOfMemory { error, split };
constexpr EnumNames<2> names_of(OnOutOfMemory) { return {"error", "split"}; }

// The effect of an optimizer rebuild on the schedule: `restart` begins it again over the remaining
// steps.
enum class OnRebuild { continue_, restart };
constexpr EnumNames<2> names_of(OnRebuild) { return {"continue", "restart"}; }

struct TrainerOptions {
  optim::OptimizerRecipe optimizer = optim::sgd({.lr = 0.01});
  optim::ScheduleRecipe scheduler = optim::constant();
  OnRebuild on_rebuild = OnRebuild::continue_;
  i64 epochs = 1;      // the length of training, for schedules that depend on it
  i64 accumulate = 1;  // batches per optimizer step
  OnOutOfMemory out_of_memory = OnOutOfMemory::error;
  double clip_norm = 0;   // maximum global gradient norm; 0: off
  double clip_value = 0;  // clips each gradient element to ±this value; 0: off
  i64 max_steps = 0;      // an epoch stops when training has made this many steps; 0: no limit
  // Runs whole steps as CUDA graphs on a GPU (Note [Captured steps]); out_of_memory must be error.
  bool capture = false;
  PrecisionRecipe precision = fp32();
  std::optional<data::Normalization> normalization = {};
  u64 seed = 0;            // seed of dropout masks
  RankOptions ranks = {};  // Note [Ranks]
};

// The keys of the section `train`. The keys of the loop around the trainer (batch_size,
// overfit_batches) are described only for options that have them. Optimizer, schedule, precision
// and seed have sections of their own.
template <class Options>
void describe_train(Fields& f, Options& o) {
  f("epochs", o.epochs, "passes over the training data", at_least(1));
  if constexpr (requires { o.batch_size; })
    f("batch_size", o.batch_size, "samples per batch", at_least(1));
  f("clip_norm", o.clip_norm, "maximum global gradient norm; 0: off", non_negative_f32);
  f("clip_value", o.clip_value, "clip each gradient element to ±this value; 0: off",
    non_negative_f32);
  f("accumulate", o.accumulate, "batches per optimizer step", at_least(1));
  f("out_of_memory", o.out_of_memory,
    "what to do when memory runs out in a step: end with an error, or make the step again with its "
    "batches split in halves, quarters, …, which later batches are too");
  f("max_steps", o.max_steps, "stop after this many optimizer steps; 0: no limit", non_negative);
  if constexpr (requires { o.overfit_batches; })
    f("overfit_batches", o.overfit_batches,
      "train on this many batches only, again and again: a quick check that a model can learn; "
      "0: off",
      non_negative);
  f("capture", o.capture, "on a GPU, run whole steps as CUDA graphs");
  if constexpr (requires { o.metrics; })
    f("metrics", o.metrics, "of training batches, by name, like accuracy; empty: the loss alone");
  f.rule(o.clip_norm <= 0 || o.clip_norm >= kLeastF32, "clip_norm", optim::kLimitRequired);
  f.rule(o.clip_value <= 0 || o.clip_value >= kLeastF32, "clip_value", optim::kLimitRequired);
  f.rule(o.clip_norm == 0 || o.clip_value == 0, "clip_value", "0 where clip_norm is given");
  f.rule(!o.capture || o.out_of_memory == OnOutOfMemory::error, "capture",
         "false where out_of_memory is split");
}
void describe(Fields& f, TrainerOptions& o);

// A factor of the learning rate for the parameters that one of the globs matches.
struct LrFactor {
  std::vector<std::string> match = {};
  double lr_factor = 1;
};
void describe(Fields& f, LrFactor& o);

}  // namespace weft::train
