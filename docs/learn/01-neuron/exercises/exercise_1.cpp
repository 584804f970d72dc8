// SPDX-License-Identifier: Apache-2.0
// Returns w·x + b: the products of the elements of equal index, summed, plus the bias.
#include <vector>

double neuron(const std::vector<double>& w, const std::vector<double>& x, double b) {
  // TODO: w and x have the same number of elements, which may be any.
  return 0;
}
