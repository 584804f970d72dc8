// SPDX-License-Identifier: Apache-2.0
#include "matrix.h"

Matrix layer(const Matrix& x, const Matrix& w, const std::vector<double>& b) {
  Matrix y(x.size(), b);
  for (std::size_t s = 0; s < x.size(); ++s)
    for (std::size_t n = 0; n < w.size(); ++n)
      for (std::size_t i = 0; i < x[s].size(); ++i) y[s][n] += x[s][i] * w[n][i];
  return y;
}
