// SPDX-License-Identifier: Apache-2.0
// Optimizer steps as CUDA graphs (train.capture).
//
// Note [Captured steps]
// A step op by op costs the host a launch for each kernel; as a graph it costs one. The graph holds the whole
// step: forward and backward passes of its batches, clipping, update, batch-norm statistics, loss scale. It is
// recorded when steps of its kind have run twice (device/gpu/graph.h), and holds for batches of these shapes, this
// layout of gradients and these modes of the modules; anything else about the model must stay as it was.
// No number in it is the host's. What changes from step to step lies on the device: batches, random numbers and
// weights of the loss are sent before the launch; the rate is looked up in a table by the device's own count of
// applied steps, because only it knows which steps were skipped; the loss scale follows its rule there
// (kernels/optim/step_state.h).
// The host does not wait for a step, so it hears late what came of it: up to kInFlight steps. Its own numbers
// (applied steps, rate, loss scale) are those of the last step it has heard of. A loss that is not finite halts the
// device, and steps behind it change nothing: the host still finds the weights that gave that loss.
#pragma once
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "weft/autograd/variable.h"
#include "weft/data/loader.h"
#include "weft/kernels/optim/step_state.h"
#include "weft/nn/module.h"
#include "weft/optim/loss_scaler.h"
#include "weft/optim/optimizer.h"

namespace weft::train {

// The batches of one optimizer step, as the loader gave them.
struct StepBatches {
  struct Part {
    data::Batch batch;
    i64 number;         // in the epoch, from 1
    i64 first_sample;   // of the random numbers
    double weight = 0;  // of the loss (Note [Accumulation]); above 0 in a captured step
  };
  std::vector<Part> parts;
  i64 step = 0;  // of the random numbers
};

// What a captured step needs of its trainer, for as long as it lives.
struct StepParts {
  optim::Optimizer& optimizer;
  nn::Module& model;
  Tensor loss_sum;  // f64, running
  // What the loss reads of a batch, and is sent: x, and y unless that is undefined then.
  std::function<data::Batch(const data::Batch&)> read_of;
  // The loss of a batch of which that lies on the device.
  std::function<Variable(const data::Batch&)> loss;
  std::function<kernels::StepRates(i64 applied_step)> rates;
  const optim::LossScaler* scaler = nullptr;
  double clip_norm = 0, clip_value = 0;
  u64 seed = 0;
};

class CapturedSteps {
 public:
  static constexpr i64 kInFlight = 4;

  virtual ~CapturedSteps() = default;
  // Gives the step to the device; fewer than kInFlight others may be in flight.
  // Throws UserError when a part of the step cannot be recorded.
  virtual void run(StepBatches step) = 0;
  virtual i64 in_flight() const = 0;
  // Waits for the oldest step in flight.
  virtual std::pair<StepBatches, kernels::StepReport> next() = 0;
  // Of the steps in flight nothing is wanted any more.
  virtual void drop() = 0;

  // What the host has changed, to be sent before the next step. The state (applied steps, loss scale): when
  // nothing is in flight.
  virtual void state_changed() = 0;
  virtual void rates_changed() = 0;
  virtual void forget_graphs() = 0;

  virtual i64 graphs() const = 0;    // recorded so far
  virtual i64 launches() const = 0;  // of graphs
};

std::unique_ptr<CapturedSteps> captured_steps(const StepParts& parts);

}  // namespace weft::train
