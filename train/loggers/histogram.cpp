// SPDX-License-Identifier: Apache-2.0
#include "weft/train/loggers/histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace weft::train {

Histogram histogram_of(std::span<const float> values, double scale) {
  Histogram result;
  float least = std::numeric_limits<float>::infinity(), greatest = -least;
  i64 count = 0;
  double sum = 0, squares = 0;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    least = std::min(least, value);
    greatest = std::max(greatest, value);
    ++count;
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  if (count == 0) return result;
  result.least = std::min(least * scale, greatest * scale);
  result.greatest = std::max(least * scale, greatest * scale);
  result.count = static_cast<double>(count);
  result.sum = sum * scale;
  result.sum_of_squares = squares * scale * scale;
  const double range = result.greatest - result.least;
  const int buckets = range > 0 && std::isfinite(range) ? kHistogramBuckets : 1;
  result.counts.assign(static_cast<std::size_t>(buckets), 0);
  if (buckets == 1) {
    result.counts.front() = result.count;
  } else {
    const double factor = scale * buckets / range, offset = result.least * buckets / range;
    for (const float value : values)
      if (std::isfinite(value)) {
        const int at = static_cast<int>(value * factor - offset);
        ++result.counts[static_cast<std::size_t>(std::clamp(at, 0, buckets - 1))];
      }
  }
  for (int i = 1; i <= buckets; ++i)
    result.upper.push_back(i == buckets ? result.greatest : result.least + range * i / buckets);
  return result;
}

}  // namespace weft::train
