// SPDX-License-Identifier: Apache-2.0
// How a training step is executed: directly, in parts when memory runs out, or as a CUDA graph. All
// run the same function, TrainStep::run.
#pragma once
#include <functional>
#include <memory>

#include "weft/train/step/step_input.h"
#include "weft/train/step/train_step.h"

namespace weft::train {

struct StepCounters {
  i64 in_flight = 0;    // steps whose outcome the host does not know (Note [The outcome of a step])
  i64 batch_parts = 1;  // in which each batch goes through the model
  i64 graphs = 0;       // recorded so far
  i64 launches = 0;     // of graphs
};

class StepRunner {
 public:
  virtual ~StepRunner() = default;
  // Submits the step to the device. On the CPU it is complete at return. `events` is called for the
  // micro-batches and, if the step runs directly, for the gradients.
  virtual void run(const StepInput& input, StepEvents& events) = 0;
  // Must be called after a change of the model that Note [Captured steps] does not name.
  virtual void invalidate_graphs() {}

  // The micro-batch `i` of the step as it was run. Reports refer to it by this index.
  virtual MicroBatch micro_batch(const StepInput& input, i64 i) const {
    return input.micro_batches[static_cast<std::size_t>(i)];
  }

  // The number of parts in which each batch goes through the model; 1 until memory runs out.
  virtual i64 batch_parts() const { return 1; }
  virtual void set_batch_parts(i64 /*parts*/) {}
  virtual i64 graphs() const { return 0; }    // recorded so far
  virtual i64 launches() const { return 0; }  // of graphs
};

std::unique_ptr<StepRunner> direct_runner(TrainStep& step);

// Note [Out of memory]
// With out_of_memory: split, a step in which memory runs out starts again. Gradients are zeroed,
// observed statistics dropped and the loss sum restored. Random numbers are functions of step and
// sample, so they repeat (Note [Random ops]). All batches of the step then go through the model in
// twice as many parts, and so do later batches. By Note [Accumulation] the result of the step is
// the same, except that batch norm normalizes each part by itself. Only the update writes weights,
// so there is nothing else to undo.
struct SplitOptions {
  bool on_out_of_memory = false;                       // false: run() throws OutOfMemory
  std::function<double(const Tensor& target)> weight;  // of the loss of a part
};
std::unique_ptr<StepRunner> split_runner(TrainStep& step, std::unique_ptr<StepRunner> inner,
                                         SplitOptions options);

// Note [Captured steps]
// A step that runs directly costs the host one launch per kernel; a graph costs one launch. The
// graph holds the whole of TrainStep::run. It is recorded after two direct steps of its kind
// (device/gpu/graph.h). It is valid for the same shapes of batches, layout of gradients and modes
// of the modules; everything else about the model must stay unchanged. Steps that are not
// `capturable` go to `inner`. Values that change between steps are on the device. Batches, seeds of
// random numbers and loss weights are sent before the launch. The learning rate is looked up in a
// table by the device's own count of applied steps, because only the device knows which steps were
// skipped. The loss scale is updated on the device (kernels/optim/step_state.h). A loss that is not
// finite halts the device, and the steps behind it change nothing, so the weights that gave that
// loss are preserved. Exists only in builds with a GPU. run() throws UserError when a part of the
// step cannot be recorded.
std::unique_ptr<StepRunner> graph_runner(TrainStep& step, std::unique_ptr<StepRunner> inner);

// The path of the first batch norm of a model; empty if there is none.
std::string first_batch_norm(nn::Module& model);

}  // namespace weft::train
