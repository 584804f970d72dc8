// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <vector>

#include "weft/core/types.h"

namespace weft::train {

// How often values lie in kHistogramBuckets equal parts of the range from `least` to `greatest`.
struct Histogram {
  double least = 0, greatest = 0;
  double count = 0, sum = 0, sum_of_squares = 0;
  std::vector<double> upper = {};   // the end of each bucket; the last one is `greatest`
  std::vector<double> counts = {};  // of each bucket
};
inline constexpr int kHistogramBuckets = 50;

// Of the values times `scale`. Those that are not finite are left out; without any other, count is
// 0.
Histogram histogram_of(std::span<const float> values, double scale = 1);

}  // namespace weft::train
