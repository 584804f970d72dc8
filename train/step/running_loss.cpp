// SPDX-License-Identifier: Apache-2.0
#include "weft/train/step/running_loss.h"

#include <cmath>
#include <limits>

#include "weft/tensor/ops.h"

namespace weft::train {

RunningLoss::RunningLoss(const Tensor& sum, const LossTotals& totals)
    : sum_(sum), weight_(totals.weight), added_(totals.added) {
  sum_.fill(totals.sum);
}

RunningLoss::RunningLoss(const Device& device)
    : RunningLoss(Tensor::empty({}, DType::f64, device), {}) {}

LossTotals RunningLoss::totals() const { return {sum_.item<double>(), weight_, added_}; }

RunningLoss RunningLoss::copy() const {
  RunningLoss other = *this;
  other.sum_ = sum_.clone();
  return other;
}

void RunningLoss::go_back_to(const RunningLoss& copy) {
  sum_.copy_from(copy.sum_);
  weight_ = copy.weight_;
  added_ = copy.added_;
}

void RunningLoss::add(const Tensor& loss, double weight) {
  last_ = loss;
  count(weight);
  if (weight == 0) return;
  weft::add(sum_, sum_, affine(loss.to(DType::f64), weight, 0.0));
}

void RunningLoss::count(double weight) {
  ++added_;
  weight_ += weight;
}

double RunningLoss::mean() const {
  if (weight_ == 0) return std::numeric_limits<double>::quiet_NaN();
  return sum_.item<double>() / weight_;
}

double RunningLoss::looked_at() const {
  return std::holds_alternative<Cpu>(last_.device()) ? last_.item<double>() : sum_.item<double>();
}

bool RunningLoss::finite() const {
  constexpr i64 kEvery = 32;
  if (!std::holds_alternative<Cpu>(last_.device()) && added_ % kEvery != 0) return true;
  return std::isfinite(looked_at());
}

void RunningLoss::fail(i64 epoch, i64 batch, double loss) {
  throw TrainingError(fmt::format(
      "the loss is {} at batch {} of epoch {}; try a lower learning rate, or train.clip_norm", loss,
      batch, epoch));
}

}  // namespace weft::train
