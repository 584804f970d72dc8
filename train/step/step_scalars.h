// SPDX-License-Identifier: Apache-2.0
// The scalars of a training step, on the device of the model: loss sum, loss scale, learning rates,
// counts of applied steps, outcome. The backward pass is scaled, and gradients are clipped and
// applied, with these scalars, so the host neither reads nor writes a scalar in between.
//
// Note [Accumulation]
// The gradient of a step is that of the mean loss over all its samples, for any sizes of the
// micro-batches: Σ w·∇L / Σ w. L is the mean loss of a micro-batch. w is the divisor of that mean
// (Loss::weight): the number of samples, or fewer if some are ignored. So each sample of a short
// last batch or step counts as much as any other. The backward pass starts from w / w₁, where w₁ is
// the weight of the step's first micro-batch; the ratio is 1 for micro-batches of equal size. The
// update multiplies by w₁ / Σ w. A loss scale (Note [Loss scaling]) multiplies the seed gradient
// and divides the update.
#pragma once
#include <vector>

#include "weft/autograd/variable.h"
#include "weft/kernels/optim/step_state.h"
#include "weft/optim/device_step.h"
#include "weft/tensor/device_value.h"
#include "weft/train/step/optimizers.h"
#include "weft/train/step/rank_exchange.h"

namespace weft::train {

class StepScalars {
 public:
  // `optimizers` and `ranks`, which may be null, must outlive it.
  StepScalars(Optimizers& optimizers, double clip_norm, double clip_value,
              RankExchange* ranks = nullptr);

  // Sends the values that the host has changed since the last step; in steady training there are
  // none. `in_flight` is the number of steps without a report; it must be 0 if needs_drain().
  void prepare(i64 in_flight);
  // Whether the host has changed counters of the steps, so that the steps in flight must be drained
  // before prepare().
  bool needs_drain() const { return state_version_ != optimizers_.state_version(); }
  // Called after a step that halted: the next prepare() sends the host's state.
  void reset() { state_version_ = 0; }

  // The parts of a step, each enqueued on the device. `weights`: f64 (micro-batches), on the
  // device.
  void add_loss(const Variable& loss, const Tensor& weights, i64 micro_batch);
  void backward(const Variable& loss, const Tensor& weights, i64 micro_batch);
  // For several ranks: adds up gradients, losses and weights of all. `counts` is false if no
  // micro-batch of this rank had a weight above 0.
  void exchange(bool counts) { ranks_->finish(state_.get(), loss_sum_, counts); }
  // `counts` is false if no micro-batch had a weight above 0; then nothing is updated.
  void update(const Tensor& weights, bool counts);

  // Whether the step in progress skips its update, as a flag on the device of the parameters.
  const bool* found_inf() const { return optimizers_.first().device_step().found_inf(); }
  // Whether a loss of this step was not finite, as far as the host knows without waiting, which is
  // only on the CPU.
  bool is_halted_here() const;
  // A report for each optimizer, written by update().
  const kernels::StepReport* reports() const { return reports_.data<kernels::StepReport>(); }
  i64 report_count() const { return static_cast<i64>(optimizers_.all().size()); }
  // The running sums, f64 (2): of the weighted losses, and of the weights. The owner of the epoch
  // sets them.
  const Tensor& loss_sum() const { return loss_sum_; }

 private:
  void allocate();
  kernels::LossWeights view(const Tensor& weights) const;
  void send_rates(i64 in_flight);

  struct Rates {
    DeviceValue<kernels::RateTable> on_device;
    kernels::RateTable table = {};
    i64 count = 0;  // of its learning rates that are there
  };

  Optimizers& optimizers_;
  RankExchange* ranks_;
  optim::GradientLimits limits_;
  Device device_;
  DeviceValue<kernels::StepState> state_;
  std::vector<Rates> rates_;  // one for each optimizer
  Tensor reports_;            // bytes
  Tensor loss_sum_;
  u64 state_version_ = 0, rates_version_ = 0;  // of the device's copies
};

}  // namespace weft::train
