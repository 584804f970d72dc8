// SPDX-License-Identifier: Apache-2.0
#include <vector>

void momentum_step(std::vector<double>& w, std::vector<double>& sum,
                   const std::vector<double>& gradient, double lr, double momentum) {
  for (std::size_t i = 0; i < w.size(); ++i) {
    sum[i] = momentum * sum[i] + gradient[i];
    w[i] -= lr * sum[i];
  }
}
