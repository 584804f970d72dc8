// SPDX-License-Identifier: Apache-2.0
// One training step, op by op: what a lecturer shows.
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
  double forward_seconds = 0;  // since the op before it ended
  double backward_seconds = 0;
  double gradient_norm = 0;  // of the gradient that came in; NaN if none did
};

struct Trace {
  std::vector<TracedOp> ops;  // in forward order
  double loss = 0;
  double update_seconds = 0;  // clip, optimizer, schedule
};

// Makes one training step as Trainer::train_step() does, after one to warm up; the model is changed
// by both.
Trace trace_step(Orchestrator& run);
std::string to_text(const Trace& trace);

}  // namespace weft::train
