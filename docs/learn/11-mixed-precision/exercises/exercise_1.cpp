// SPDX-License-Identifier: Apache-2.0
// Returns x rounded to `bits` binary digits, counted from the leading one: f16 has 11 and bf16 has
// 8. Halfway cases go to the even neighbour, as std::nearbyint does it. The range is not limited.
#include <cmath>

double round_to_bits(double x, int bits) {
  // TODO: std::frexp(x, &power) returns m in [0.5, 1) with x = m·2^power. std::ldexp(m, n) is m·2^n.
  return x;
}
