// SPDX-License-Identifier: Apache-2.0
// An op of your own with a CUDA kernel: the activation Snake, y = x + sin²(x) (Ziyin, Hartwig and
// Ueda 2020, arXiv 2006.08195). One layer learns what another computes.
// Usage: example_own_cuda_op [cpu|cuda]
#include <weft/autograd/tape.h>
#include <weft/tensor/views.h>
#include <weft/weft.h>

#include <cstdio>

#include "own_cuda_op.h"

using namespace weft;

void snake(Cpu, Output y, Input x) {
  for (i64 i = 0; i < x.size; ++i) y[i] = snake_of(x[i]);
}
void snake_backward(Cpu, Output dx, Input dy, Input x) {
  for (i64 i = 0; i < x.size; ++i) dx[i] = dy[i] * slope_of(x[i]);
}

namespace {

// The op: its output, and beside it the edge that computes the gradient. Device has only the
// devices that weft is built with.
Variable snake(const Variable& x) {
  const Tensor& X = x.value();
  const Tensor y = Tensor::empty_like(X);
  std::visit([&](auto on) { ::snake(on, span<float>(y), span<float>(X)); }, X.device());
  const auto backward = [X](const Tensor& dy, const Tensor& dx) {
    const Output to = span<float>(dx);
    std::visit([&](auto on) { snake_backward(on, to, span<float>(dy), span<float>(X)); },
               X.device());
  };
  return record("snake", y, edge(x, backward));
}

}  // namespace

int main(int argc, char** argv) try {
  const Device device = device_named(argc > 1 ? argv[1] : "cpu");
  manual_seed(1);
  const Tensor x = affine(arange(0, 256, DType::f32).reshape({64, 4}), 0.01, -1.28).to(device);
  nn::Linear teacher{4, 8}, model{4, 8};
  teacher.to(device);
  model.to(device);
  const Tensor target = snake(teacher(x)).value();
  optim::AdamW optimizer{model.named_parameters(), {.lr = 0.02}};
  double error = 0;
  for (int step = 0; step < 300; ++step) {
    optimizer.zero_grad();
    const Variable loss = mse(snake(model(x)), target);
    loss.backward();
    optimizer.step();
    error = loss.value().item<double>();
  }
  std::printf("%s: mean squared error %.6f\n", name_of(device).c_str(), error);
  return error < 1e-3 ? 0 : 1;
} catch (const Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return e.exit_code();
}
