// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

using namespace weft;

std::vector<double> fit_line(const Tensor& x, const Tensor& y) {
  nn::Linear line{1, 1};
  optim::Adam optimizer{line.named_parameters(), {.lr = 0.1}};
  for (int step = 0; step < 500; ++step) {
    optimizer.zero_grad();
    mse(line(x), y).backward();
    optimizer.step();
  }
  return {line.weight.value().item<double>(), line.bias.value().item<double>()};
}
