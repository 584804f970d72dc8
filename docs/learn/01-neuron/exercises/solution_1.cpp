// SPDX-License-Identifier: Apache-2.0
#include <vector>

double neuron(const std::vector<double>& w, const std::vector<double>& x, double b) {
  double z = b;
  for (std::size_t i = 0; i < w.size(); ++i) z += w[i] * x[i];
  return z;
}
