// SPDX-License-Identifier: Apache-2.0
// Returns the gradient of the mean cross-entropy of a batch by its logits. `probabilities` has a row
// for each sample (the softmax of its logits), and `labels` the right class of each.
#include <vector>

std::vector<std::vector<double>> loss_gradient(std::vector<std::vector<double>> probabilities,
                                               const std::vector<int>& labels) {
  // TODO: change the copy of the probabilities into the gradient.
  return probabilities;
}
