// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "weft/core/fields.h"
#include "weft/data/normalize.h"
#include "weft/optim/schedules.h"
#include "weft/optim/sgd.h"
#include "weft/train/step/precision.h"

namespace weft::train {

struct TrainerOptions {
  optim::OptimizerRecipe optimizer = optim::sgd({.lr = 0.01});
  optim::ScheduleRecipe scheduler = optim::constant();
  // What a rebuild does to the schedule: continue | restart, over the steps that are left.
  std::string on_rebuild = "continue";
  i64 epochs = 1;      // the length of training, for schedules that run to its end
  i64 accumulate = 1;  // batches per optimizer step
  // What happens when memory runs out in a step: error | split (Note [Out of memory]).
  std::string out_of_memory = "error";
  double clip_norm = 0;   // maximum global gradient norm; 0: off
  double clip_value = 0;  // clip each gradient element to ±this value; 0: off
  i64 max_steps = 0;      // stop an epoch when this many steps were made in all; 0: no limit
  // On a GPU, whole steps as CUDA graphs (Note [Captured steps]); with out_of_memory: error only.
  bool capture = false;
  PrecisionRecipe precision = fp32();
  std::optional<data::Normalization> normalization = {};
  u64 seed = 0;  // of dropout masks
};
// Throws UserError for options out of range.
const TrainerOptions& checked(const TrainerOptions& options);

// A factor of the learning rate for the parameters that one of the globs matches.
struct LrFactor {
  std::vector<std::string> match = {};
  double lr_factor = 1;
};
void describe(Fields& f, LrFactor& o);

}  // namespace weft::train
