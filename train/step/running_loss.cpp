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
    : sum_(sum), added_(totals.added) {
  sum_.slice(0, 1).fill(totals.sum);
  sum_.slice(1, 2).fill(totals.weight);
}

RunningLoss::RunningLoss(const Device& device)
    : RunningLoss(Tensor::empty({2}, DType::f64, device), {}) {}

LossTotals RunningLoss::totals() const {
  const std::vector<double> totals = sum_.to_vector<double>();
  return {totals[0], totals[1], added_};
}

void RunningLoss::add(const Tensor& loss, double weight) {
  count();
  if (weight == 0) return;
  Tensor sum = sum_.range(0, {}), weights = sum_.range(1, {});
  weft::add(sum, sum, affine(loss.to(DType::f64), weight, 0.0));
  affine(weights, weights, 1.0, weight);
}

double RunningLoss::mean() const { return totals().mean(); }

double LossTotals::mean() const {
  const double mean = weight == 0 ? kNaN : sum / weight;
  return std::isnan(mean) ? kNaN : mean;
}

void RunningLoss::fail(i64 epoch, i64 batch_idx, double loss, i64 rank) {
  throw TrainingError(fmt::format(
      "the loss is {} at batch {} of epoch {}{}; try a lower learning rate, or train.clip_norm",
      std::isnan(loss) ? kNaN : loss, batch_idx, epoch,
      rank < 0 ? "" : fmt::format(" at rank {}", rank)));
}

}  // namespace weft::train
