// SPDX-License-Identifier: Apache-2.0
// One training step, op by op, for `weft trace`.
#pragma once
#include <string>
#include <vector>

#include "weft/train/run/orchestrator.h"

namespace weft::train {

struct TracedOp {
  std::string scope;  // module path
  std::string op;
  Shape shape;  // of the output
  DType dtype = DType::f32;
  i64 bytes = 0;               // of the output
  double forward_seconds = 0;  // since the previous op ended
  double backward_seconds = 0;
  double gradient_norm = 0;  // of the incoming gradient; NaN if there was none
};

// The time of the step on one of several ranks.
struct RankTimes {
  double computing = 0;      // seconds in which it did not wait
  double communicating = 0;  // of exchanges beside the computation; 0 on a GPU
  double waiting = 0;        // for exchanges
  i64 bytes = 0;             // of the tensors that were exchanged
};

struct Trace {
  std::vector<TracedOp> ops;  // in forward order, of this rank
  double loss = 0;
  double update_seconds = 0;          // clip, optimizer, schedule, and exchanges
  std::vector<RankTimes> ranks = {};  // empty in a run of one process
};

// Makes one training step as Trainer::train_step() does, after one warm-up step. Both change the
// model. All ranks of a run call it.
Trace trace_step(Orchestrator& run);
std::string to_text(const Trace& trace);

}  // namespace weft::train
