// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

#include <cmath>

// gamma·(w·x + b − mean)/σ + beta = (gamma/σ·w)·x + gamma/σ·(b − mean) + beta
void fold(weft::nn::Linear& linear, weft::nn::BatchNorm& norm) {
  const auto w = linear.weight.value().values<float>(), b = linear.bias.value().values<float>();
  const auto gamma = norm.weight.value().values<float>(), beta = norm.bias.value().values<float>();
  const auto mean = norm.running_mean.value.values<float>();
  const auto variance = norm.running_var.value.values<float>();
  const std::size_t in = w.size() / b.size();
  for (std::size_t r = 0; r < b.size(); ++r) {
    const float factor = gamma[r] / std::sqrt(variance[r] + 1e-5f);
    for (std::size_t i = 0; i < in; ++i) w[r * in + i] *= factor;
    b[r] = (b[r] - mean[r]) * factor + beta[r];
  }
}
