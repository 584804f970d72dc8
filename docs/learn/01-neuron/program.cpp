// SPDX-License-Identifier: Apache-2.0
// One neuron: its output, its error, and the gradient that says how to lower the error.
#include <weft/weft.h>

#include <array>
#include <cmath>
#include <cstdio>

using namespace weft;

int main() {
  const std::array<double, 3> x{1, 2, 3};
  std::array<double, 3> w{0.5, -0.25, 0.1};
  double b = 0.2;
  const double target = 1, lr = 0.5;

  std::puts("by hand");
  for (int step = 0; step < 2; ++step) {
    double z = b;
    for (int i = 0; i < 3; ++i) z += w[i] * x[i];
    const double y = 1 / (1 + std::exp(-z));
    const double loss = (y - target) * (y - target);
    std::printf("step %d  z %.4f  y %.4f  loss %.4f\n", step, z, y, loss);

    const double dloss_dy = 2 * (y - target);
    const double dy_dz = y * (1 - y);
    const double dz = dloss_dy * dy_dz;  // the derivative of the loss by z
    std::printf("  dloss/dy %.4f  dy/dz %.4f  dloss/dz %.4f\n", dloss_dy, dy_dz, dz);
    std::printf("  dloss/dw %.4f %.4f %.4f  dloss/db %.4f\n", dz * x[0], dz * x[1], dz * x[2], dz);

    for (int i = 0; i < 3; ++i) w[i] -= lr * dz * x[i];
    b -= lr * dz;
  }

  std::puts("with weft");
  const Tensor input = Tensor::copy_of(std::vector<float>{1, 2, 3}, {1, 3});
  nn::Linear neuron{3, 1};
  neuron.weight.value().copy_from(Tensor::copy_of(std::vector<float>{0.5, -0.25, 0.1}, {1, 3}));
  neuron.bias.value().fill(0.2);
  const Variable y = sigmoid(neuron(input));
  const Variable loss = mse(y, Tensor::full({1, 1}, target));
  loss.backward();
  const std::vector<float> dw = neuron.weight.variable().grad().to_vector<float>();
  const float db = neuron.bias.variable().grad().item<float>();
  std::printf("y %.4f  loss %.4f\n", y.value().item<double>(), loss.value().item<double>());
  std::printf("  dloss/dw %.4f %.4f %.4f  dloss/db %.4f\n", dw[0], dw[1], dw[2], db);
}
