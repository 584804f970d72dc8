// SPDX-License-Identifier: Apache-2.0
// Philox4x32-10 is a counter-based generator. It computes four 32-bit words from a 128-bit counter
// and a 64-bit key. The words are the same on every device, in any order and for any number of
// threads.
// source: Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", SC'11
#pragma once
#include <array>
#include <cmath>

#include "weft/core/types.h"
#include "weft/kernels/common/host_device.h"

namespace weft::kernels {

struct PhiloxWords {
  u32 word[4];
};

inline constexpr int kPhiloxRounds = 10;

// One round on the counter words. philox_next_key() changes the key between rounds.
WEFT_HOST_DEVICE inline void philox_round(u32& c0, u32& c1, u32& c2, u32& c3, u32 k0, u32 k1) {
  const u64 product0 = u64{0xD2511F53u} * c0, product1 = u64{0xCD9E8D57u} * c2;
  c0 = static_cast<u32>(product1 >> 32) ^ c1 ^ k0;
  c1 = static_cast<u32>(product1);
  c2 = static_cast<u32>(product0 >> 32) ^ c3 ^ k1;
  c3 = static_cast<u32>(product0);
}
WEFT_HOST_DEVICE inline void philox_next_key(u32& k0, u32& k1) {
  k0 += 0x9E3779B9u;
  k1 += 0xBB67AE85u;
}

WEFT_HOST_DEVICE inline PhiloxWords philox(u64 key, u64 counter_low, u64 counter_high) {
  u32 k0 = static_cast<u32>(key), k1 = static_cast<u32>(key >> 32);
  PhiloxWords c{{static_cast<u32>(counter_low), static_cast<u32>(counter_low >> 32),
                 static_cast<u32>(counter_high), static_cast<u32>(counter_high >> 32)}};
  for (int round = 0; round < kPhiloxRounds; ++round) {
    philox_round(c.word[0], c.word[1], c.word[2], c.word[3], k0, k1);
    philox_next_key(k0, k1);
  }
  return c;
}

// A uniform value in [0, 1), a multiple of 2^-24, which is exact in float.
WEFT_HOST_DEVICE inline float unit_float(u32 word) {
  return static_cast<float>(word >> 8) * 5.9604644775390625e-8f;
}

}  // namespace weft::kernels
