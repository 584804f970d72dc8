// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

double rounded_to_f16(double x) {
  return weft::Tensor::full({}, x).to(weft::DType::f16).item<double>();
}

// The weight itself is kept with more digits, and only a copy is rounded.
double weight_after(double weight, double change, int steps) {
  for (int step = 0; step < steps; ++step) weight -= change;
  return rounded_to_f16(weight);
}
