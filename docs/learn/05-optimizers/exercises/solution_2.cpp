// SPDX-License-Identifier: Apache-2.0
#include "adam_weight.h"

#include <cmath>

void adamw_step(AdamWeight& weight, double gradient, double lr, double decay) {
  weight.steps += 1;
  weight.w *= 1 - lr * decay;
  weight.mean = 0.9 * weight.mean + 0.1 * gradient;
  weight.square = 0.999 * weight.square + 0.001 * gradient * gradient;
  const double mean = weight.mean / (1 - std::pow(0.9, weight.steps));
  const double square = weight.square / (1 - std::pow(0.999, weight.steps));
  weight.w -= lr * mean / (std::sqrt(square) + 1e-8);
}
