// SPDX-License-Identifier: Apache-2.0
// The sizes to which the caching allocators round.
#pragma once
#include <algorithm>
#include <bit>

#include "weft/core/types.h"

namespace weft {

struct SizeClass {
  int index;
  i64 bytes;
};

inline constexpr i64 kSmallestBlock = 64;
inline constexpr int kClassesPerPower = 8;

// 64, 72, 80, … 128, 144, …: eight steps between powers of two, each a multiple of eight.
inline SizeClass size_class(i64 bytes) {
  const i64 wanted = std::max(bytes, kSmallestBlock);
  const int power = 63 - std::countl_zero(static_cast<u64>(wanted));  // 2^power ≤ wanted
  const i64 base = i64{1} << power;
  const i64 step = base / kClassesPerPower;
  const i64 steps = (wanted - base + step - 1) / step;
  return {(power - 6) * kClassesPerPower + static_cast<int>(steps), base + steps * step};
}

}  // namespace weft
