// SPDX-License-Identifier: Apache-2.0
// Returns the softmax of any number of logits, which may be as large as 10,000.
#include <cmath>
#include <vector>

std::vector<double> softmax_of(const std::vector<double>& logits) {
  std::vector<double> p(logits.size());
  // TODO: this is not softmax yet.
  for (std::size_t k = 0; k < p.size(); ++k) p[k] = std::exp(logits[k]);
  return p;
}
