// SPDX-License-Identifier: Apache-2.0
#include <vector>

std::vector<std::vector<double>> loss_gradient(std::vector<std::vector<double>> probabilities,
                                               const std::vector<int>& labels) {
  for (std::size_t s = 0; s < labels.size(); ++s) {
    probabilities[s][static_cast<std::size_t>(labels[s])] -= 1;
    for (double& each : probabilities[s]) each /= static_cast<double>(labels.size());
  }
  return probabilities;
}
