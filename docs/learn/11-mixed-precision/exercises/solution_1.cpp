// SPDX-License-Identifier: Apache-2.0
#include <cmath>

double round_to_bits(double x, int bits) {
  int power = 0;
  const double m = std::frexp(x, &power);
  return std::ldexp(std::nearbyint(std::ldexp(m, bits)), power - bits);
}
