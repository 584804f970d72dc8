// SPDX-License-Identifier: Apache-2.0
// The mean loss over the samples of an epoch, summed on the device in double.
#pragma once
#include <limits>

#include "weft/tensor/state.h"
#include "weft/tensor/tensor.h"

namespace weft::train {

// The totals of a RunningLoss on the host, for a checkpoint.
struct LossTotals {
  double sum = 0, weight = 0;
  i64 added = 0;
  double mean() const;  // NaN without a weight
  void state(State& s) {
    constexpr double kFinite = std::numeric_limits<double>::max();
    s.within("sum", sum, -kFinite, kFinite).within("weight", weight, 0, kFinite);
    s.within("added", added, 0, kMostSaved);
  }
};

class RunningLoss {
 public:
  // Continues from `totals` and accumulates in `sum`, f64 (2) on the device of the losses: the sum
  // of the weighted losses, and the weight.
  RunningLoss(const Tensor& sum, const LossTotals& totals);
  explicit RunningLoss(const Device& device);

  // Adds `loss`, a scalar: a mean with the divisor `weight` (train/losses/loss.h). A loss of
  // weight 0 is ignored.
  void add(const Tensor& loss, double weight);
  // Counts a loss that a training step adds to the sum (train/step/step_scalars.h).
  void count() { ++added_; }
  // The mean over all losses added; NaN before the first. Waits for the device.
  double mean() const;
  // Waits for the device.
  LossTotals totals() const;
  // Throws a TrainingError that names epoch, batch, loss and, of several, the rank.
  [[noreturn]] static void fail(i64 epoch, i64 batch_idx, double loss, i64 rank = -1);

 private:
  Tensor sum_;
  i64 added_ = 0;
};

}  // namespace weft::train
