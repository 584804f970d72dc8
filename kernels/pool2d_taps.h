// SPDX-License-Identifier: Apache-2.0
// The taps of windows of 2 × 2 pixels on the CPU.
//
// Note [Windows of 2 × 2]
// Most models pool windows of 2 × 2 pixels that tile the image. Their loops keep the four taps in
// registers and write each element of dx once. All that such a loop reads is copied into local
// variables, because a store of a u8 may change anything else, which keeps the compiler from
// vectorising. The taps of up to kTile channels are as wide as T in such a loop and are converted
// to or from u8 by one of their own: beside bytes, g++ would process as many channels at once as
// a vector has bytes, and 8 or 16 channels one by one.
#pragma once
#include "weft/core/types.h"

namespace weft::kernels {

inline constexpr i64 kTile = 64;  // channels whose partial results fit into the L1 cache

template <class To, class From>
void convert_taps(To* to, const From* from, i64 count) {
#pragma GCC ivdep
  for (i64 i = 0; i < count; ++i) to[i] = static_cast<To>(from[i]);
}

}  // namespace weft::kernels
