// SPDX-License-Identifier: Apache-2.0
#include "weft/train/counted_rows.h"

namespace weft::train {

CountedRows counted_rows(const Tensor& labels, i64 ignored) {
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

}  // namespace weft::train
