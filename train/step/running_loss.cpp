// SPDX-License-Identifier: Apache-2.0
#include "weft/train/step/running_loss.h"

#include <cmath>
#include <limits>

#include "weft/tensor/ops.h"

namespace weft::train {
namespace {

// Positive, because a negative one prints as "-nan".
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

RunningLoss::RunningLoss(const Tensor& sum, const LossTotals& totals)
    : sum_(sum), weight_(totals.weight), added_(totals.added) {
  sum_.fill(totals.sum);
}

RunningLoss::RunningLoss(const Device& device)
    : RunningLoss(Tensor::empty({}, DType::f64, device), {}) {}

LossTotals RunningLoss::totals() const { return {sum_.item<double>(), weight_, added_}; }

void RunningLoss::add(const Tensor& loss, double weight) {
  count(weight);
  if (weight == 0) return;
  weft::add(sum_, sum_, affine(loss.to(DType::f64), weight, 0.0));
}

void RunningLoss::count(double weight) {
  ++added_;
  weight_ += weight;
}

double RunningLoss::mean() const {
  const double mean = weight_ == 0 ? kNaN : sum_.item<double>() / weight_;
  return std::isnan(mean) ? kNaN : mean;
}

void RunningLoss::fail(i64 epoch, i64 batch_idx, double loss) {
  throw TrainingError(fmt::format(
      "the loss is {} at batch {} of epoch {}; try a lower learning rate, or train.clip_norm",
      std::isnan(loss) ? kNaN : loss, batch_idx, epoch));
}

}  // namespace weft::train
