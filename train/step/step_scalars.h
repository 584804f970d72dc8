// SPDX-License-Identifier: Apache-2.0
// The scalars of a training step, on the device of the model: loss sum, loss scale, learning rates,
// counts of applied steps, outcome. With them it scales a backward pass, clips and updates, and the
// host neither reads nor writes a number in between.
//
// Note [Accumulation]
// The gradient of a step is that of the mean loss over all its samples, however they are cut into
// micro-batches: Σ w·∇L / Σ w, where L is the mean loss of a micro-batch and w the weight it
// divides by (Loss::weight: its samples, or fewer where some are ignored). So a last short batch,
// or a last short step, counts by what is in it. A backward pass starts from w / w₁, with w₁ the
// weight of the step's first micro-batch, which is 1 for micro-batches of one size; the update
// multiplies with w₁ / Σ w. The loss scale, where there is one (Note [Loss scaling]), multiplies
// the start and divides the update.
#pragma once
#include <vector>

#include "weft/autograd/variable.h"
#include "weft/kernels/optim/step_state.h"
#include "weft/optim/device_step.h"
#include "weft/tensor/device_value.h"
#include "weft/train/step/optimizers.h"

namespace weft::train {

class StepScalars {
 public:
  // `optimizers` must outlive it.
  StepScalars(Optimizers& optimizers, double clip_norm, double clip_value);

  // Sends what the host has changed since the last step: nothing in a run that is under way.
  // `in_flight`: steps of which the host has no report yet; none may be when needs_drain().
  void prepare(i64 in_flight);
  // Whether the host has changed what steps count, so that prepare() must wait for those in flight.
  bool needs_drain() const { return state_version_ != optimizers_.state_version(); }
  // After a step that halted: the host's state counts again.
  void reset() { state_version_ = 0; }

  // The parts of a step, each enqueued on the device. `weights`: f64 (micro-batches), on the
  // device.
  void add_loss(const Variable& loss, const Tensor& weights, i64 micro_batch);
  void backward(const Variable& loss, const Tensor& weights, i64 micro_batch);
  // `counts`: false where no micro-batch had a weight above 0; then nothing is updated.
  void update(const Tensor& weights, bool counts);

  // Whether the step in progress skips its update, where the parameters are.
  const bool* found_inf() const { return optimizers_.first().device_step().found_inf(); }
  // Whether a loss of this step was not finite, as far as the host can see without waiting: on the
  // CPU.
  bool is_halted_here() const;
  // A report for each optimizer, written by update().
  const kernels::StepReport* reports() const { return reports_.data<kernels::StepReport>(); }
  i64 report_count() const { return static_cast<i64>(optimizers_.all().size()); }
  // f64, running; whoever owns the epoch sets it
  const Tensor& loss_sum() const { return loss_sum_; }

 private:
  void allocate();
  kernels::LossWeights view(const Tensor& weights) const;
  void send_rates(i64 in_flight);

  struct Rates {
    DeviceValue<kernels::RateTable> on_device;
    kernels::RateTable table = {};
  };

  Optimizers& optimizers_;
  optim::GradientLimits limits_;
  Device device_;
  DeviceValue<kernels::StepState> state_;
  std::vector<Rates> rates_;  // one for each optimizer
  Tensor reports_;            // bytes
  Tensor loss_sum_;
  u64 state_version_ = 0, rates_version_ = 0;  // of what the device has
};

}  // namespace weft::train
