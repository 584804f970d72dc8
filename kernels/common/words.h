// SPDX-License-Identifier: Apache-2.0
// Words are the units in which GPU kernels move bytes of any type.
#pragma once
#include "weft/core/types.h"

namespace weft::kernels {

// The unit of a load and a store.
template <int kBytes>
struct alignas(kBytes) Word {
  u8 value[kBytes];
};

// Calls body.operator()<kBytes>() with the widest word that divides all addresses and sizes, whose
// bits `low_bits` joins by |.
template <class Body>
void with_word(u64 low_bits, const Body& body) {
  if (low_bits % 16 == 0) body.template operator()<16>();
  else if (low_bits % 8 == 0) body.template operator()<8>();
  else if (low_bits % 4 == 0) body.template operator()<4>();
  else body.template operator()<1>();
}

}  // namespace weft::kernels
