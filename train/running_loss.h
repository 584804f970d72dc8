// SPDX-License-Identifier: Apache-2.0
// The mean loss over the samples of an epoch, summed on the device in double.
#pragma once
#include "weft/tensor/tensor.h"

namespace weft::train {

class RunningLoss {
 public:
  explicit RunningLoss(const Device& device);

  // `loss`: the mean over `samples` samples, a scalar.
  void add(const Tensor& loss, i64 samples);
  // Over all samples so far; NaN before the first. Waits for the device.
  double mean() const;
  // Throws TrainingError naming epoch and batch if the loss added last is not finite. On the CPU that
  // costs nothing; on a device that has to be waited for it looks at the sum now and then.
  void check_finite(i64 epoch, i64 batch);

 private:
  Tensor sum_, last_;
  i64 samples_ = 0, added_ = 0;
};

}  // namespace weft::train
