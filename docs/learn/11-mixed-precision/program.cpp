// SPDX-License-Identifier: Apache-2.0
// Half precision: what is rounded away, and how the loss scale brings it back.
#include <weft/weft.h>

#include <cmath>
#include <cstdio>

using namespace weft;

namespace {

double rounded(double x, DType dtype) { return Tensor::full({}, x).to(dtype).item<double>(); }

// The gradient of 1e-8·w·x by w, where products are computed in f16.
double gradient(double scale) {
  const Variable w = Variable::leaf(Tensor::full({1, 1}, 0.5));
  WeightCasts casts;
  const Autocast autocast(DType::f16, casts);
  const Variable y = linear(Tensor::full({1, 1}, 3), w, {});
  sum(y * 1e-8).backward(Tensor::full({}, scale));
  return w.grad().item<double>();
}

}  // namespace

int main() {
  std::puts("      number           f16          bf16");
  for (const double x : {0.1, 1.0 + 1.0 / 512, 0.9999, 70000.0, 1e-8})
    std::printf("%12.10g  %12.8g  %12.8g\n", x, rounded(x, DType::f16), rounded(x, DType::bf16));

  for (const int power : {0, 10, 16, 43}) {
    const double scale = std::ldexp(1.0, power), scaled = gradient(scale);
    std::printf("scale 2^%-2d  scaled gradient %8.2e  gradient %8.2e\n", power, scaled,
                scaled / scale);
  }
  optim::LossScaler scaler{{.init_scale = 65536, .growth_interval = 3}};
  for (const bool overflow : {false, true, false, false, false, false}) {
    std::printf("loss scale %5.0f, %s\n", scaler.scale(), overflow ? "skipped" : "applied");
    scaler.update(overflow);
  }

  const data::Digits digits{{.size = 1000}};
  for (const auto& precision : {train::fp32(), train::bf16(), train::fp16()}) {
    manual_seed(1);
    data::Loader loader{digits, {.batch_size = 50, .shuffle = true, .seed = 1}};
    nn::Sequential model{nn::Flatten{}, nn::Linear{784, 32}, nn::ReLU{}, nn::Linear{32, 10}};
    train::Trainer trainer{model,
                           train::classification(),
                           {.optimizer = optim::adamw({.lr = 3e-3}), .precision = precision}};
    double loss = 0;
    for (int epoch = 0; epoch < 5; ++epoch) loss = trainer.train_one_epoch(loader).loss;
    std::printf("%s: loss %.2f\n", precision.name().c_str(), loss);
  }
}
