// SPDX-License-Identifier: Apache-2.0
#include "weft/train/losses/valid_rows.h"

namespace weft::train {

ValidRows valid_rows(const Tensor& labels, i64 ignored) {
  std::vector<i64> rows, counted;
  const std::vector<i64> all = labels.to_vector<i64>();
  for (std::size_t row = 0; row < all.size(); ++row) {
    if (all[row] == ignored) continue;
    rows.push_back(static_cast<i64>(row));
    counted.push_back(all[row]);
  }
  const auto count = static_cast<i64>(rows.size());
  const auto there = [&](const std::vector<i64>& numbers) {
    return Tensor::copy_of(numbers, {count}).to(labels.device());
  };
  return {count, there(rows), there(counted)};
}

double weight_of_labels(const Tensor& labels, std::span<const double> class_weights,
                        std::optional<i64> ignored) {
  if (class_weights.empty() && !ignored) return static_cast<double>(labels.elements());
  double weight = 0;
  for (const i64 label : labels.to_vector<i64>()) {
    if (ignored && label == *ignored) continue;
    if (class_weights.empty()) weight += 1;
    else if (label >= 0 && label < static_cast<i64>(class_weights.size()))
      weight += class_weights[static_cast<std::size_t>(label)];
  }
  return weight;
}

}  // namespace weft::train
