// SPDX-License-Identifier: Apache-2.0
// Returns gamma·x̂ + beta for each value, where x̂ = (x − mean)/√(variance + eps).
#include "norm.h"

std::vector<double> batch_norm(const std::vector<double>& x, double gamma, double beta,
                               double eps) {
  std::vector<double> y = x;
  // TODO: statistics_of(x) gives mean and variance.
  return y;
}
