// SPDX-License-Identifier: Apache-2.0
// Returns y = x·wᵀ + b. x has a row for each sample, w a row for each neuron, and y a row for each
// sample with an element for each neuron.
#include "matrix.h"

Matrix layer(const Matrix& x, const Matrix& w, const std::vector<double>& b) {
  Matrix y(x.size(), std::vector<double>(w.size(), 0.0));
  // TODO: y[s][n] is the dot product of x[s] and w[n], plus b[n].
  return y;
}
