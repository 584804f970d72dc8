// SPDX-License-Identifier: Apache-2.0
// Subtracts `change` from a weight `steps` times. Returns the weight that a product would read,
// which is rounded to f16.
#include <weft/weft.h>

double rounded_to_f16(double x) {
  return weft::Tensor::full({}, x).to(weft::DType::f16).item<double>();
}

double weight_after(double weight, double change, int steps) {
  // TODO: with weight 1 and change 0.0001 the weight stays 1, because each step is rounded away.
  for (int step = 0; step < steps; ++step) weight = rounded_to_f16(weight - change);
  return weight;
}
