// SPDX-License-Identifier: Apache-2.0
// Converts one value between any two element types, as Tensor::to() does. Floating point to integer
// truncates toward zero; what is outside of the integers becomes the nearest one, and NaN 0. A
// conversion to floating point rounds once, to nearest even, on every device.
#pragma once
#include <bit>
#include <limits>
#include <type_traits>

#include "weft/kernels/common/convert.h"

namespace weft::kernels {

// C++ leaves such a conversion undefined, and devices differ in it. `high` rounds up to a power of
// two for wide integers, and then is no integer of the type itself.
template <class To, class From>
WEFT_HOST_DEVICE inline To saturated(From x) {
  constexpr To kLow = std::numeric_limits<To>::min(), kHigh = std::numeric_limits<To>::max();
  constexpr From low = static_cast<From>(kLow), high = static_cast<From>(kHigh);
  if (x >= high) return kHigh;
  return x > low ? static_cast<To>(x) : x <= low ? kLow : To{0};
}

// A double as a float that a half type rounds as it would the double: what is not exact has an odd
// last bit, so it is never halfway between two halves.
// source: Boldo and Melquiond, IEEE Trans. Computers 57(4), 2008 (rounding to odd)
WEFT_HOST_DEVICE inline float rounded_to_odd(double x) {
  const float near = static_cast<float>(x);
  const u32 bits = std::bit_cast<u32>(near);
  if (static_cast<double>(near) == x || (bits & 1u) != 0 || x != x) return near;
  const double size = x < 0 ? -x : x, near_size = std::bit_cast<float>(bits & 0x7fffffffu);
  return std::bit_cast<float>(near_size > size ? bits - 1 : bits + 1);
}

template <class To, class From>
WEFT_HOST_DEVICE inline To converted_any(From x) {
  if constexpr (is_half<From>) return converted_any<To>(static_cast<float>(x));
  else if constexpr (is_half<To> && std::is_same_v<From, double>) return To(rounded_to_odd(x));
  else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>)
    return saturated<To>(x);
  else return converted<To>(x);
}

}  // namespace weft::kernels
