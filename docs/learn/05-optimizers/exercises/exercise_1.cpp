// SPDX-License-Identifier: Apache-2.0
// Makes a step of SGD with momentum. w, sum (the running sum s of the chapter) and gradient have one
// element for each weight. w and sum are changed.
#include <vector>

void momentum_step(std::vector<double>& w, std::vector<double>& sum,
                   const std::vector<double>& gradient, double lr, double momentum) {
  // TODO: this is SGD without momentum.
  for (std::size_t i = 0; i < w.size(); ++i) w[i] -= lr * gradient[i];
}
