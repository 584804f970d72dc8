// SPDX-License-Identifier: Apache-2.0
// SGD, SGD with momentum and Adam by hand, each beside weft's, on the loss 5·w₀² + w₁²/2.
#include <weft/weft.h>

#include <array>
#include <cmath>
#include <cstdio>

using namespace weft;

double scale = 1;  // of the loss

struct Weights {
  std::array<double, 2> w{1, 4}, sum{}, mean{}, square{};
  double loss() const { return 5 * w[0] * w[0] + w[1] * w[1] / 2; }
  double gradient(int i) const { return scale * (i == 0 ? 10 * w[0] : w[1]); }
};

void sgd(Weights& s, int i, int) { s.w[i] -= 0.15 * s.gradient(i); }

void momentum(Weights& s, int i, int) {
  s.sum[i] = 0.5 * s.sum[i] + s.gradient(i);
  s.w[i] -= 0.08 * s.sum[i];
}

void adam(Weights& s, int i, int step) {
  const double g = s.gradient(i);
  s.mean[i] = 0.9 * s.mean[i] + 0.1 * g;
  s.square[i] = 0.999 * s.square[i] + 0.001 * g * g;
  const double mean = s.mean[i] / (1 - std::pow(0.9, step));
  const double square = s.square[i] / (1 - std::pow(0.999, step));
  s.w[i] -= 0.5 * mean / (std::sqrt(square) + 1e-8);
}

void compare(const char* name, void (*update)(Weights&, int, int),
             const optim::OptimizerRecipe& recipe) {
  Weights s;
  const Variable w = Variable::leaf(Tensor::copy_of(std::vector<double>{1, 4}, {2}));
  const Variable factors = Tensor::copy_of(std::vector<double>{5 * scale, 0.5 * scale}, {2});
  const auto optimizer = recipe.make(nn::NamedParameters{{"w", w, {}, nullptr}});
  std::printf("%s\n          by hand            with weft\n", name);
  for (int step = 1; step <= 20; ++step) {
    for (int i = 0; i < 2; ++i) update(s, i, step);
    optimizer->zero_grad();
    sum(square(w) * factors).backward();
    optimizer->step();
    const std::vector<double> v = w.value().to_vector<double>();
    if (step <= 3)
      std::printf("  step %d  %7.4f %7.4f    %7.4f %7.4f\n", step, s.w[0], s.w[1], v[0], v[1]);
  }
  std::printf("  loss after 20 steps %.6f\n", s.loss());
}

int main() {
  compare("SGD, lr 0.15", sgd, optim::sgd({.lr = 0.15}));
  compare("momentum 0.5, lr 0.08", momentum, optim::sgd({.lr = 0.08, .momentum = 0.5}));
  compare("Adam, lr 0.5", adam, optim::adam({.lr = 0.5}));
  scale = 1000;
  compare("Adam, lr 0.5, the loss times 1000", adam, optim::adam({.lr = 0.5}));
}
