// SPDX-License-Identifier: Apache-2.0
// How a training step is executed: directly, in parts when memory runs out, or as a CUDA graph. All
// run the same function, TrainStep::run.
#pragma once
#include <functional>
#include <memory>

#include "weft/train/step/step_input.h"
#include "weft/train/step/train_step.h"

namespace weft::train {

class StepRunner {
 public:
  virtual ~StepRunner() = default;
  // Gives the step to the device: on the CPU it is over at return. `events` sees the micro-batches
  // and, where the step runs directly, the gradients.
  virtual void run(const StepInput& input, StepEvents& events) = 0;
  // To be called when something about the model was changed that Note [Captured steps] does not
  // name.
  virtual void invalidate_graphs() {}

  // The micro-batch `i` of the step as it was run: a report names it.
  virtual MicroBatch micro_batch(const StepInput& input, i64 i) const {
    return input.micro_batches[static_cast<std::size_t>(i)];
  }

  // In how many parts each batch goes through the model: 1, until memory has run out.
  virtual i64 batch_parts() const { return 1; }
  virtual void set_batch_parts(i64 /*parts*/) {}
  virtual i64 graphs() const { return 0; }    // recorded so far
  virtual i64 launches() const { return 0; }  // of graphs
};

std::unique_ptr<StepRunner> direct_runner(TrainStep& step);

// Note [Out of memory]
// With out_of_memory: split, a step in which memory runs out is begun again: gradients at zero,
// observed statistics dropped, the loss sum where it was, and random numbers are functions of step
// and sample anyway (Note [Random ops]). All batches of the step then go through the model in twice
// as many parts, and so do later ones. By Note [Accumulation] the step stays the one it was, but
// for batch norm, which sees each part alone. The update alone writes weights, so there is nothing
// else to undo.
struct SplitOptions {
  bool on_out_of_memory = false;                       // false: OutOfMemory leaves run()
  std::function<double(const Tensor& target)> weight;  // of the loss of a part
};
std::unique_ptr<StepRunner> split_runner(TrainStep& step, std::unique_ptr<StepRunner> inner,
                                         SplitOptions options);

// Note [Captured steps]
// A step that runs directly costs the host a launch for each kernel; as a graph it costs one. The
// graph holds the whole of TrainStep::run. It is recorded when steps of its kind have run twice
// (device/gpu/graph.h), and holds for batches of these shapes, this layout of gradients and these
// modes of the modules; anything else about the model must stay as it was. Steps that are not
// `capturable` go to `inner`. What changes from step to step lies on the device: batches, random
// numbers and weights of the loss are sent before the launch; the learning rate is looked up in a
// table by the device's own count of applied steps, because only it knows which steps were skipped;
// the loss scale follows its rule there (kernels/optim/step_state.h). A loss that is not finite
// halts the device, and steps behind it change nothing: the host still finds the weights that gave
// that loss. Only in builds that have a GPU. run() throws UserError when a part of the step cannot
// be recorded.
std::unique_ptr<StepRunner> graph_runner(TrainStep& step, std::unique_ptr<StepRunner> inner);

// The path of the first batch norm of a model; empty if there is none.
std::string first_batch_norm(nn::Module& model);

}  // namespace weft::train
