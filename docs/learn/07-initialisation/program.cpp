// SPDX-License-Identifier: Apache-2.0
// Twenty layers of 128 neurons: how large are the activations and the gradients before training?
#include <weft/weft.h>

#include <cmath>
#include <cstdio>

using namespace weft;

double rms(const Tensor& x) {  // the root of the mean square
  double sum = 0;
  for (const float each : x.to_vector<float>()) sum += each * each;
  return std::sqrt(sum / static_cast<double>(x.elements()));
}

// Runs 64 random samples through layers with the initial weights of `fill`. `factor` is that of one
// layer by the formula of the text.
void run(const char* name, double factor, void (*fill)(const Tensor& weight)) {
  manual_seed(1);
  const Tensor input = Tensor::empty({64, 128});
  default_generator().normal(input, 0, 1);
  const Variable x = Variable::leaf(input);
  Variable h = x;
  std::printf("  %-14s  %.1e ", name, std::pow(factor, 20));
  for (int layer = 1; layer <= 20; ++layer) {
    nn::Linear linear{128, 128, {.bias = false}};
    fill(linear.weight.value());
    h = relu(linear(h));
    if (layer == 1 || layer == 10 || layer == 20) std::printf("  %.1e", rms(h.value()));
  }
  h.backward(Tensor::full({64, 128}, 1));
  std::printf("    %.1e\n", rms(x.grad()));
}

int main() {
  std::puts("                  by hand   layer 1       10       20    gradient of the input");
  run("normal 1/16", 0.5, [](const Tensor& w) { nn::init::normal(w, 0, 1.0 / 16); });
  run("normal 1/8", 1, [](const Tensor& w) { nn::init::normal(w, 0, 1.0 / 8); });
  run("normal 1/4", 2, [](const Tensor& w) { nn::init::normal(w, 0, 1.0 / 4); });
  run("kaiming_normal", 1, [](const Tensor& w) { nn::init::kaiming_normal(w); });
  run("nn::Linear", std::sqrt(1.0 / 6), [](const Tensor&) {});

  std::puts("equal weights: the gradient of each of three neurons");
  nn::Linear hidden{2, 3}, last{3, 1};
  for (nn::Linear* layer : {&hidden, &last}) {
    nn::init::constant(layer->weight.value(), 0.5);
    nn::init::constant(layer->bias.value(), 0);
  }
  const Variable x = Tensor::copy_of(std::vector<float>{1, 2}, {1, 2});
  last(tanh(hidden(x))).backward();
  const std::vector<float> g = hidden.weight.variable().grad().to_vector<float>();
  for (int n = 0; n < 3; ++n) std::printf("  %.4f %.4f\n", g[2 * n], g[2 * n + 1]);
}
