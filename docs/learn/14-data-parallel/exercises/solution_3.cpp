// SPDX-License-Identifier: Apache-2.0
#include <vector>

void ring_all_reduce(std::vector<std::vector<double>>& values) {
  const std::size_t n = values.size();
  for (std::size_t s = 0; s + 1 < n; ++s) {
    const std::vector<std::vector<double>> before = values;
    for (std::size_t r = 0; r < n; ++r) {
      const std::size_t part = (r + n - s) % n;
      values[(r + 1) % n][part] += before[r][part];
    }
  }
  for (std::size_t s = 0; s + 1 < n; ++s) {
    const std::vector<std::vector<double>> before = values;
    for (std::size_t r = 0; r < n; ++r) {
      const std::size_t part = (r + 1 + n - s) % n;
      values[(r + 1) % n][part] = before[r][part];
    }
  }
}
