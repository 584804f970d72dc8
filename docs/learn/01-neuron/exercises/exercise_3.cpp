// SPDX-License-Identifier: Apache-2.0
// Returns {w0, w1, b} of a neuron that computes AND: with the inputs 0 and 1 its output
// 1 / (1 + exp(-(w0·x0 + w1·x1 + b))) is above 0.9 for (1, 1), and below 0.1 for the other three.
#include <vector>

std::vector<double> and_neuron() {
  // TODO: find the three numbers. w·x + b = 0 must be a line between (1, 1) and the other points.
  return {1, 1, 0};
}
