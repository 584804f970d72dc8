// SPDX-License-Identifier: Apache-2.0
#include "norm.h"

std::vector<double> batch_norm_backward(const std::vector<double>& x,
                                        const std::vector<double>& dy) {
  const Statistics s = statistics_of(x);
  const double sigma = std::sqrt(s.variance), n = static_cast<double>(x.size());
  double mean_dy = 0, mean_dy_x = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    mean_dy += dy[i] / n;
    mean_dy_x += dy[i] * (x[i] - s.mean) / sigma / n;
  }
  std::vector<double> dx;
  for (std::size_t i = 0; i < x.size(); ++i)
    dx.push_back((dy[i] - mean_dy - (x[i] - s.mean) / sigma * mean_dy_x) / sigma);
  return dx;
}
