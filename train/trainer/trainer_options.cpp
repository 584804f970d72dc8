// SPDX-License-Identifier: Apache-2.0
#include "weft/train/trainer/trainer_options.h"

#include "weft/core/error.h"

namespace weft::train {

const TrainerOptions& checked(const TrainerOptions& o) {
  WEFT_CHECK(o.epochs >= 1, "Trainer: epochs is {}; at least 1 is required", o.epochs);
  WEFT_CHECK(o.accumulate >= 1, "Trainer: accumulate is {}; at least 1 is required", o.accumulate);
  WEFT_CHECK(
      o.clip_norm >= 0 && o.clip_value >= 0 && (o.clip_norm == 0 || o.clip_value == 0),
      "Trainer: clip_norm is {} and clip_value {}; 0 (off) or more is required, and only one of "
      "them",
      o.clip_norm, o.clip_value);
  WEFT_CHECK(o.max_steps >= 0, "Trainer: max_steps is {}; 0 (no limit) or more is required",
             o.max_steps);
  WEFT_CHECK(o.out_of_memory == "error" || o.out_of_memory == "split",
             "Trainer: out_of_memory is '{}'; error or split is required", o.out_of_memory);
  WEFT_CHECK(!o.capture || o.out_of_memory == "error",
             "Trainer: capture is given with out_of_memory '{}'; error is required",
             o.out_of_memory);
  WEFT_CHECK(o.on_rebuild == "continue" || o.on_rebuild == "restart",
             "Trainer: on_rebuild is '{}'; continue or restart is required", o.on_rebuild);
  return o;
}

void describe(Fields& f, LrFactor& o) {
  f("match", o.match, "globs of parameter names, like features.*", required());
  f("lr_factor", o.lr_factor, "times the rate they would have", non_negative);
}

}  // namespace weft::train
