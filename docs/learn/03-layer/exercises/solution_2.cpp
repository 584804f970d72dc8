// SPDX-License-Identifier: Apache-2.0
#include "matrix.h"

Matrix weight_gradient(const Matrix& dy, const Matrix& x) {
  Matrix dw(dy[0].size(), std::vector<double>(x[0].size(), 0.0));
  for (std::size_t s = 0; s < x.size(); ++s)
    for (std::size_t n = 0; n < dw.size(); ++n)
      for (std::size_t i = 0; i < dw[n].size(); ++i) dw[n][i] += dy[s][n] * x[s][i];
  return dw;
}
