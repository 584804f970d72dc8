// SPDX-License-Identifier: Apache-2.0
// Returns dw = dyᵀ·x, the gradient of the weights: a row for each neuron (each column of dy) with an
// element for each input (each column of x). There is at least one sample.
#include "matrix.h"

Matrix weight_gradient(const Matrix& dy, const Matrix& x) {
  Matrix dw(dy[0].size(), std::vector<double>(x[0].size(), 0.0));
  // TODO: each sample adds to each weight.
  return dw;
}
