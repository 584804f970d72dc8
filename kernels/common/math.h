// SPDX-License-Identifier: Apache-2.0
// Elementary functions that the compiler can vectorise (Note [Vector width]) and that use the same
// formula on every device. The float functions are within a few units in the last place of the true
// value. The double functions are the standard library's, because tests compare float with double.
#pragma once
#include <bit>
#include <cmath>

#include "weft/core/types.h"
#include "weft/kernels/common/host_device.h"

namespace weft::math {

// e^x. Cody–Waite reduction x = k·ln 2 + r with |r| ≤ ln 2 / 2, then the Taylor polynomial of e^r
// of degree 7 (remainder below 2^-27). It overflows to infinity. Results below
// 2^-126 are subnormal numbers, as in IEEE 754, and below e^-103.97 they are 0.
// source: Cody & Waite 1980, "Software Manual for the Elementary Functions", ch. 6
WEFT_HOST_DEVICE inline float exp(float x) {
  const float clamped = x < -104.0f ? -104.0f : (x > 88.7228f ? 88.7228f : x);
  // Adding 1.5·2^23 rounds to the nearest integer, which is then in the low bits.
  constexpr float kRound = 12582912.0f;
  const float shifted = clamped * 1.44269504088896341f + kRound;
  const float k = shifted - kRound;
  const float r = (clamped - k * 0.693145751953125f) - k * 1.42860682030941723e-6f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  // Scaling in two steps keeps 2^k representable at both ends. Only the second one rounds.
  const i32 n = static_cast<i32>(std::bit_cast<u32>(shifted) - std::bit_cast<u32>(kRound));
  const i32 half = n >> 1;
  const float result =
      p * std::bit_cast<float>((half + 127) << 23) * std::bit_cast<float>((n - half + 127) << 23);
  const float bounded = x > 88.7228f ? INFINITY : (x < -103.98f ? 0.0f : result);
  return x != x ? x : bounded;
}
WEFT_HOST_DEVICE inline double exp(double x) { return std::exp(x); }

// ln x = e·ln 2 + 2·artanh(s), where x = 2^e·m with m in [√½, √2), s = (m − 1)/(m + 1) and
// |s| ≤ 0.172. The series of artanh is used up to s⁹ (remainder below 2^-28).
WEFT_HOST_DEVICE inline float log(float x) {
  const bool subnormal = x < 1.17549435e-38f;
  // The bits are unsigned, because for x < 0 a signed subtraction would overflow.
  const u32 bits = std::bit_cast<u32>(subnormal ? x * 8388608.0f : x);  // 2^23
  constexpr u32 kSqrtHalf = 0x3f3504f3;
  const i32 e = static_cast<i32>(bits - kSqrtHalf) >> 23;
  const float m = std::bit_cast<float>(bits - (static_cast<u32>(e) << 23));
  const float s = (m - 1.0f) / (m + 1.0f), q = s * s;
  float p = 1.0f / 9;
  p = p * q + 1.0f / 7;
  p = p * q + 1.0f / 5;
  p = p * q + 1.0f / 3;
  p = p * q;
  const float k = static_cast<float>(subnormal ? e - 23 : e);
  const float result =
      k * 0.693145751953125f + (k * 1.42860682030941723e-6f + (2.0f * s + 2.0f * s * p));
  const float positive = x < INFINITY ? result : x;  // infinity and NaN are returned unchanged
  return x > 0.0f || x != x ? positive : (x == 0.0f ? -INFINITY : NAN);
}
WEFT_HOST_DEVICE inline double log(double x) { return std::log(x); }

// ln(1 + x) for 0 ≤ x ≤ 1 is 2·artanh(x/(2 + x)). The series is used up to the 13th power
// (remainder below 2^-25).
WEFT_HOST_DEVICE inline float log1p(float x) {
  const float s = x / (2.0f + x), q = s * s;
  float p = 1.0f / 13;
  p = p * q + 1.0f / 11;
  p = p * q + 1.0f / 9;
  p = p * q + 1.0f / 7;
  p = p * q + 1.0f / 5;
  p = p * q + 1.0f / 3;
  return 2.0f * s + 2.0f * s * (p * q);
}
WEFT_HOST_DEVICE inline double log1p(double x) { return std::log1p(x); }

// 1 / (1 + e^-x) = e^x / (1 + e^x). The exponent is never positive, so that nothing overflows and
// small results keep their digits.
template <class T>
WEFT_HOST_DEVICE inline T sigmoid(T x) {
  const T e = exp(x < T(0) ? x : -x);
  return (x < T(0) ? e : T(1)) / (T(1) + e);
}

// tanh x = sign(x)·(1 − 2 / (e^{2|x|} + 1)). Below |x| = 0.4, where that formula cancels, the [5/4]
// Padé approximant x(945 + 105x² + x⁴) / (945 + 420x² + 15x⁴) is used.
// source: Cephes' tanhf splits in the same way at 0.625 (Moshier 1989)
WEFT_HOST_DEVICE inline float tanh(float x) {
  const float magnitude = x < 0 ? -x : x;
  const float s = x * x;
  const float small = x * (945.0f + s * (105.0f + s)) / (945.0f + s * (420.0f + s * 15.0f));
  const float e = exp(2.0f * (magnitude > 15.0f ? 15.0f : magnitude));
  const float large = 1.0f - 2.0f / (e + 1.0f);
  const float chosen = magnitude < 0.4f ? small : (x < 0 ? -large : large);
  return x != x ? x : chosen;
}
WEFT_HOST_DEVICE inline double tanh(double x) { return std::tanh(x); }

// erf x with an absolute error below 5e-7.
// source: Abramowitz & Stegun 1964, 7.1.26
WEFT_HOST_DEVICE inline float erf(float x) {
  const float magnitude = x < 0 ? -x : x;
  const float t = 1.0f / (1.0f + 0.3275911f * magnitude);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const float y = 1.0f - p * t * exp(-magnitude * magnitude);
  return x < 0 ? -y : y;
}
WEFT_HOST_DEVICE inline double erf(double x) { return std::erf(x); }

}  // namespace weft::math
