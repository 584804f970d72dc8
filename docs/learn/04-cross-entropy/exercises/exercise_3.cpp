// SPDX-License-Identifier: Apache-2.0
// Returns the cross-entropy with label smoothing s of one sample, whose `probabilities` are the
// softmax of its logits. With s = 0 it is the loss of the chapter.
#include <cmath>
#include <vector>

double smoothed_loss(const std::vector<double>& probabilities, int label, double s) {
  // TODO: sum over all classes.
  return -std::log(probabilities[static_cast<std::size_t>(label)]);
}
