// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

double smoothed_loss(const std::vector<double>& probabilities, int label, double s) {
  const double others = s / static_cast<double>(probabilities.size());
  double loss = 0;
  for (std::size_t k = 0; k < probabilities.size(); ++k) {
    const double target = others + (static_cast<int>(k) == label ? 1 - s : 0);
    loss -= target * std::log(probabilities[k]);
  }
  return loss;
}
