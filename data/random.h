// SPDX-License-Identifier: Apache-2.0
// Random numbers for data, by hashing. What is drawn for a sample depends on its index alone. So
// any thread may draw it, in any order, and resuming needs no saved state.
#pragma once
#include <string_view>

#include "weft/core/types.h"

namespace weft::data {

// The output function of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
// generators, OOPSLA 2014): a bijection of u64 that passes BigCrush on a counter.
constexpr u64 mix(u64 z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// One key out of several integers, in order.
template <class... U>
constexpr u64 key_of(u64 first, U... rest) {
  u64 key = mix(first + 0x9e3779b97f4a7c15);
  ((key = mix(key + 0x9e3779b97f4a7c15 + static_cast<u64>(rest))), ...);
  return key;
}

// The FNV-1a hash of a name ("train", "test"), as a part of keys.
constexpr u64 number_of(std::string_view text) {
  u64 hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<u8>(c)) * 0x100000001b3;
  return hash;
}

// The stream of one key. It is cheap to construct, so each user constructs its own.
class Random {
 public:
  explicit constexpr Random(u64 key) : state_(key) {}

  constexpr u64 bits() { return mix(state_ += 0x9e3779b97f4a7c15); }
  // In [0, 1).
  constexpr double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  constexpr double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // In [-1, 1), denser in the middle: the sum of two uniforms minus 1.
  constexpr double triangular() { return uniform() + uniform() - 1.0; }
  // In [0, n), n > 0. The bias of the multiplication is below n / 2^64.
  constexpr i64 below(i64 n) {
    return static_cast<i64>((static_cast<unsigned __int128>(bits()) * static_cast<u64>(n)) >> 64);
  }

 private:
  u64 state_;
};

}  // namespace weft::data
