// SPDX-License-Identifier: Apache-2.0
#include <cmath>

double expected_rms(int width, double deviation, int layers) {
  return std::pow(deviation * std::sqrt(width / 2.0), layers);
}
