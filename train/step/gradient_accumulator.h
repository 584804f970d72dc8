// SPDX-License-Identifier: Apache-2.0
// Gradient accumulation for a hand-written loop: scaled backward, clip, step and zero_grad as one
// cycle over several micro-batches. Trainer uses the same code (train/step/step_scalars.h).
//
//   train::GradientAccumulator accumulator{optimizer, {.micro_batches = 4, .clip_norm = 1.0}};
//   for (auto& [x, y] : loader)
//     accumulator.backward(cross_entropy(model(x), y), x.size(0));   // steps after every fourth
//   accumulator.step();                                            // of the remaining ones
//
// The step is that of the mean loss over all samples, whatever the sizes of the micro-batches (Note
// [Accumulation]). Only batch norm depends on them: it normalizes each micro-batch by itself. Not
// thread-safe.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "weft/device/readback.h"
#include "weft/train/step/step_scalars.h"

namespace weft::train {

struct GradientAccumulatorOptions {
  i64 micro_batches = 1;  // per step
  double clip_norm = 0;   // maximum global gradient norm; 0: off
  double clip_value = 0;  // clips each gradient element to ±this value; 0: off
  std::optional<optim::LossScalerOptions> loss_scaling = {};
};

class GradientAccumulator {
 public:
  // The optimizer must outlive the accumulator. Each step uses the optimizer's own learning rate
  // (Optimizer::set_lr). Clears its gradients. Throws UserError for options out of range.
  explicit GradientAccumulator(optim::Optimizer& optimizer,
                               const GradientAccumulatorOptions& options = {});

  // Runs the backward pass of one micro-batch. `loss` is a scalar, a mean. `weight` is the divisor
  // of that mean: the number of samples or the sum of their weights. A loss of weight 0 has no
  // gradient. Makes the step and returns true after the last micro-batch of a step. Throws what
  // step() throws.
  bool backward(const Variable& loss, double weight = 1);
  // Makes a step of the micro-batches since the last step, which may be fewer than usual. Returns
  // false if there were none. Waits for a GPU. Throws TrainingError for a loss that is not finite,
  // and for an overflow at the smallest loss scale; nothing is applied then.
  bool step();
  // The outcome of the last step.
  const optim::StepOutcome& outcome() const { return outcome_; }
  // Null without loss_scaling.
  const optim::LossScaler* loss_scaler() const { return optimizers_.loss_scaler(); }

 private:
  void send_weights();

  i64 micro_batches_;
  Optimizers optimizers_;
  StepScalars scalars_;
  std::vector<double> host_weights_;
  i64 done_ = 0;    // micro-batches since the last step
  Tensor weights_;  // f64 (micro_batches), 0 for micro-batches that are still to come
  std::unique_ptr<Readback> report_;
  optim::StepOutcome outcome_;
};

}  // namespace weft::train
