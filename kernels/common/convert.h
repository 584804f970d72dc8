// SPDX-License-Identifier: Apache-2.0
// Converts one value of an element type to another type. Floating point to integer truncates toward
// zero. A conversion to a half type rounds to nearest even.
#pragma once
#include <type_traits>

#include "weft/kernels/common/half.h"
#include "weft/kernels/common/host_device.h"

namespace weft::kernels {

template <class T>
inline constexpr bool is_half = std::is_same_v<T, half> || std::is_same_v<T, bfloat16>;

template <class To, class From>
WEFT_HOST_DEVICE inline To converted(From x) {
  if constexpr (is_half<From>) return converted<To>(static_cast<float>(x));
  else if constexpr (is_half<To>) return To(static_cast<float>(x));
  else return static_cast<To>(x);
}

}  // namespace weft::kernels
