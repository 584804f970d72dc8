// SPDX-License-Identifier: Apache-2.0
#include "weft/train/running_loss.h"

#include <cmath>
#include <limits>

#include "weft/tensor/ops.h"

namespace weft::train {

RunningLoss::RunningLoss(const Device& device) : sum_(Tensor::zeros({}, DType::f64, device)) {}

void RunningLoss::add(const Tensor& loss, i64 samples) {
  last_ = loss;
  weft::add(sum_, sum_, affine(loss.to(DType::f64), static_cast<double>(samples), 0.0));
  samples_ += samples;
  ++added_;
}

double RunningLoss::mean() const {
  if (samples_ == 0) return std::numeric_limits<double>::quiet_NaN();
  return sum_.item<double>() / static_cast<double>(samples_);
}

void RunningLoss::check_finite(i64 epoch, i64 batch) {
  constexpr i64 kEvery = 32;
  const bool free_to_look = std::holds_alternative<Cpu>(last_.device());
  if (!free_to_look && added_ % kEvery != 0) return;
  const double value = free_to_look ? last_.item<double>() : sum_.item<double>();
  if (std::isfinite(value)) return;
  throw TrainingError(fmt::format(
      "the loss is {} at batch {} of epoch {}; try a lower learning rate, or train.clip_norm",
      value, batch, epoch));
}

}  // namespace weft::train
