// SPDX-License-Identifier: Apache-2.0
// The input of a training step: on the host, as the trainer pulled it from the loader (StepInput),
// and on the device, as the step reads it (PlacedStep).
#pragma once
#include <functional>
#include <vector>

#include "weft/data/loader.h"
#include "weft/tensor/tensor.h"

namespace weft::train {

struct MicroBatch {
  data::Batch batch;
  i64 batch_idx = 0;         // in the epoch, from 1
  i64 first_sample = 0;      // its index in the step, for random numbers (Note [Random ops])
  double weight = 0;         // the divisor of its mean loss (Note [Accumulation])
  bool is_last_part = true;  // false: more of the same batch follows (Note [Out of memory])
};

// The micro-batches of one optimizer step.
struct StepInput {
  std::vector<MicroBatch> micro_batches;
  i64 epoch = 0;  // from 1
  i64 step = 0;   // steps begun before this one, for random numbers
  // A graph may run it: full micro-batches with weights above 0 and without further tensors.
  bool capturable = false;
};

// The same on the device. A graph that was recorded with these tensors reads them again at each
// replay.
struct PlacedStep {
  std::vector<data::Batch> batches;
  Tensor random;   // int64 (micro-batches, 3): seed, step, first sample
  Tensor weights;  // f64 (micro-batches)
  // The weights when this was placed. A graph is valid for all weights above 0.
  std::vector<double> host_weights;

  i64 count() const { return static_cast<i64>(batches.size()); }
};

// Hooks around the micro-batches of a step that is executed directly.
class StepEvents {
 public:
  virtual ~StepEvents() = default;
  virtual void begin(i64 /*micro_batch*/) {}
  virtual void end(i64 /*micro_batch*/) {}
  // All gradients exist, neither unscaled nor clipped. Times scale() / loss scale they are those of
  // the mean loss. Of several ranks, scale() waits for a GPU. Not called for a step without
  // gradients.
  virtual void gradients(const std::function<double()>& /*scale*/) {}
};

}  // namespace weft::train
