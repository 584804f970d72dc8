// SPDX-License-Identifier: Apache-2.0
// Two independent standard normal values from two random words, in double precision. The compiler
// can vectorise the formulas (Note [Vector width]), and every device uses them. The values are
// within 4e-15 of the exact ones.
// source: Box & Muller 1958, "A note on the generation of random normal deviates"
#pragma once
#include <bit>
#include <cmath>

#include "weft/core/types.h"
#include "weft/kernels/common/host_device.h"

namespace weft::kernels {

// ln(n / 2^24) for 1 ≤ n ≤ 2^24. n = 2^e·m with m in [√½, √2), and ln m = 2·artanh(s), where
// s = (m − 1)/(m + 1) and s² ≤ 0.0295. The series is used up to s^21 (remainder below 2^-57).
WEFT_HOST_DEVICE inline double log_of_unit(u32 n) {
  const u64 bits = std::bit_cast<u64>(static_cast<double>(static_cast<i32>(n)));
  constexpr u64 kSqrtHalf = 0x3fe6a09e667f3bcd, kExponent = u64{0xfff} << 52;
  const u64 above = bits - kSqrtHalf;  // its upper 12 bits are e
  const double m = std::bit_cast<double>(bits - (above & kExponent));
  // AVX2 has no conversion of 64-bit integers: e becomes the low bits of 2^52 + e.
  const double e = std::bit_cast<double>((above >> 52) | u64{0x433} << 52) - 0x1p52;
  const double s = (m - 1) / (m + 1), q = s * s;
  double p = 1.0 / 21;
  p = p * q + 1.0 / 19;
  p = p * q + 1.0 / 17;
  p = p * q + 1.0 / 15;
  p = p * q + 1.0 / 13;
  p = p * q + 1.0 / 11;
  p = p * q + 1.0 / 9;
  p = p * q + 1.0 / 7;
  p = p * q + 1.0 / 5;
  p = p * q + 1.0 / 3;
  return (e - 24) * 0.69314718055994531 + (2 * s + 2 * s * (p * q));
}

struct SinCos {
  double sin, cos;
};

// sin and cos of 2π·k / 2^24 for 0 ≤ k < 2^24. The angle is `quarter` quarters of a turn plus
// x, with |x| ≤ π/4. The Taylor polynomials have the degrees 17 and 18 (remainders below 2^-60).
WEFT_HOST_DEVICE inline SinCos sin_cos_of_unit(u32 k) {
  const u32 quarter = (k + (1u << 21)) >> 22;
  const i32 rest = static_cast<i32>(k) - static_cast<i32>(quarter << 22);
  const double x = static_cast<double>(rest) * (1.5707963267948966 / (1 << 22)), q = x * x;
  double s = 1.0 / 355687428096000;
  s = s * q - 1.0 / 1307674368000;
  s = s * q + 1.0 / 6227020800;
  s = s * q - 1.0 / 39916800;
  s = s * q + 1.0 / 362880;
  s = s * q - 1.0 / 5040;
  s = s * q + 1.0 / 120;
  s = s * q - 1.0 / 6;
  s = x + x * (s * q);
  double c = -1.0 / 6402373705728000;
  c = c * q + 1.0 / 20922789888000;
  c = c * q - 1.0 / 87178291200;
  c = c * q + 1.0 / 479001600;
  c = c * q - 1.0 / 3628800;
  c = c * q + 1.0 / 40320;
  c = c * q - 1.0 / 720;
  c = c * q + 1.0 / 24;
  c = c * q - 0.5;
  c = 1 + c * q;
  const bool swapped = (quarter & 1) != 0;
  const double sine = swapped ? c : s, cosine = swapped ? s : c;
  return {(quarter & 2) != 0 ? -sine : sine, ((quarter + 1) & 2) != 0 ? -cosine : cosine};
}

struct NormalPair {
  double first, second;
};

// Of each word the upper 24 bits are used: u = (word >> 8) / 2^24, as in unit_float(). The radius
// has the logarithm of 1 − u, which is in (0, 1], so it is finite.
WEFT_HOST_DEVICE inline NormalPair box_muller(u32 radius_word, u32 angle_word) {
  const double radius = std::sqrt(-2.0 * log_of_unit((1u << 24) - (radius_word >> 8)));
  const SinCos angle = sin_cos_of_unit(angle_word >> 8);
  return {radius * angle.cos, radius * angle.sin};
}

}  // namespace weft::kernels
