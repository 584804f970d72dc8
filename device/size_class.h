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

// The next larger class.
inline SizeClass next_class(const SizeClass& size) { return size_class(size.bytes + 1); }

// Note [Larger blocks]
// A request that is large, and whose class has no cached block, takes a block of up to kMostLarger
// times its size. Otherwise the last, smaller batch of an epoch, and a validation with another
// batch, would each make blocks of their own, and those of the training step would lie unused. The
// cost: a tensor that lives long may keep a block of twice its size.
inline constexpr i64 kSmallestShared = i64{1} << 20;
inline constexpr i64 kLargestShared = i64{1} << 60;  // kMostLarger times as much still fits i64
inline constexpr int kMostLarger = 2;

// Returns the smallest class, of those that a request of the class `wanted` may take, for which
// has_block(class) is true; `wanted` itself if there is none.
template <class HasBlock>
SizeClass class_to_take(const SizeClass& wanted, const HasBlock& has_block) {
  if (wanted.bytes < kSmallestShared || wanted.bytes > kLargestShared) return wanted;
  for (SizeClass size = wanted; size.bytes <= kMostLarger * wanted.bytes; size = next_class(size))
    if (has_block(size)) return size;
  return wanted;
}

}  // namespace weft
