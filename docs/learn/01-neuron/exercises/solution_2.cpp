// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

std::vector<double> gradient(const std::vector<double>& w, const std::vector<double>& x, double b,
                             double target) {
  double z = b;
  for (std::size_t i = 0; i < w.size(); ++i) z += w[i] * x[i];
  const double y = std::tanh(z);
  const double dloss_dz = 2 * (y - target) * (1 - y * y);
  std::vector<double> dloss_dw;
  for (const double each : x) dloss_dw.push_back(dloss_dz * each);
  return dloss_dw;
}
