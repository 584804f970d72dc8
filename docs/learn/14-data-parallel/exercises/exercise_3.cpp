// SPDX-License-Identifier: Apache-2.0
// A ring all-reduce. values[r][p] is part p of rank r; there are as many parts as ranks, n. In each
// round every rank sends one part to the next rank, r + 1 (mod n), and all do so at once.
// In round s = 0, 1, …, n − 2, rank r sends part r − s (mod n), and the receiver adds it to its own.
// Rank r then has the sum of part r + 1. In n − 1 more rounds these sums travel once around the
// ring, and the receiver takes them in place of its own.
#include <vector>

void ring_all_reduce(std::vector<std::vector<double>>& values) {
  const std::size_t n = values.size();
  for (std::size_t s = 0; s + 1 < n; ++s) {
    const std::vector<std::vector<double>> before = values;  // what the ranks send
    for (std::size_t r = 0; r < n; ++r) {
      const std::size_t part = (r + n - s) % n;
      values[(r + 1) % n][part] += before[r][part];
    }
  }
  // TODO: the second n − 1 rounds. In round s rank r sends part r + 1 − s.
}
