// SPDX-License-Identifier: Apache-2.0
// A layer of two neurons for two samples, its gradients, and what two layers can that one cannot.
#include <weft/weft.h>

#include <array>
#include <cstdio>

using namespace weft;

using Matrix = std::array<std::array<double, 2>, 2>;

void print(const char* name, const Matrix& m) {
  std::printf("  %s  %4g %4g\n      %4g %4g\n", name, m[0][0], m[0][1], m[1][0], m[1][1]);
}

Tensor tensor(const std::vector<float>& values) { return Tensor::copy_of(values, {2, 2}); }

int main() {
  const Matrix x{{{1, 2}, {3, -1}}};  // a row for each sample
  const Matrix w{{{2, 1}, {-1, 3}}};  // a row for each neuron
  const std::array<double, 2> b{0.5, -1};
  const Matrix dy{{{1, 0}, {2, -1}}};  // what a later layer hands back
  Matrix y{}, dx{}, dw{};
  for (int s = 0; s < 2; ++s) {
    for (int n = 0; n < 2; ++n) {
      y[s][n] = b[n];
      for (int i = 0; i < 2; ++i) {
        y[s][n] += x[s][i] * w[n][i];
        dx[s][i] += dy[s][n] * w[n][i];
        dw[n][i] += dy[s][n] * x[s][i];
      }
    }
  }
  std::puts("by hand");
  print("y ", y);
  print("dw", dw);
  print("dx", dx);

  nn::Linear layer{2, 2};
  layer.weight.value().copy_from(tensor({2, 1, -1, 3}));
  layer.bias.value().copy_from(Tensor::copy_of(std::vector<float>{0.5, -1}, {2}));
  const Variable input = Variable::leaf(tensor({1, 2, 3, -1})), output = layer(input);
  output.backward(tensor({1, 0, 2, -1}));
  fmt::print("with weft\ny\n{}\ndw\n{}\ndx\n{}\ndb\n{}\n", output.value(),
             layer.weight.variable().grad(), input.grad(), layer.bias.variable().grad());

  nn::Linear hidden{2, 2}, last{2, 1};
  hidden.weight.value().copy_from(tensor({1, 1, 1, 1}));
  hidden.bias.value().copy_from(Tensor::copy_of(std::vector<float>{0, -1}, {2}));
  last.weight.value().copy_from(Tensor::copy_of(std::vector<float>{1, -2}, {1, 2}));
  last.bias.value().fill(0);
  nn::Sequential network{hidden, nn::ReLU{}, last};
  const Tensor points = Tensor::copy_of(std::vector<float>{0, 0, 0, 1, 1, 0, 1, 1}, {4, 2});
  std::puts("exclusive or");
  const std::vector<float> result = network(points).value().to_vector<float>();
  for (int i = 0; i < 4; ++i) std::printf("  (%d, %d)  %g\n", i / 2, i % 2, result[i]);
}
