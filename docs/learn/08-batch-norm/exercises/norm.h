// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cmath>
#include <vector>

// Mean and variance of a batch. The variance divides by the number of values.
struct Statistics {
  double mean = 0, variance = 0;
};
inline Statistics statistics_of(const std::vector<double>& x) {
  Statistics s;
  for (const double v : x) s.mean += v / static_cast<double>(x.size());
  for (const double v : x)
    s.variance += (v - s.mean) * (v - s.mean) / static_cast<double>(x.size());
  return s;
}
