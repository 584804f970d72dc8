// SPDX-License-Identifier: Apache-2.0
// Vectors of floats, for the convolutions of winograd.h and narrow_groups.h. All of it is inlined
// into the body of with_lanes(), which is compiled for an instruction set.
#pragma once
#include <type_traits>

#include "weft/core/types.h"
#include "weft/device/simd.h"

namespace weft::kernels::vectors {

// A vector of so many floats, and the same in memory at any address of a float. Of the sums of a
// product, kRows · kPanels panels (winograd_products.h) fit in the registers, beside the operands.
template <int lanes>
struct Lanes;
template <>
struct Lanes<4> {
  typedef float Vector __attribute__((vector_size(16)));
  typedef float InMemory __attribute__((vector_size(16), aligned(4), may_alias));
  static constexpr int kRows = 2, kPanels = 1;
};
template <>
struct Lanes<8> {
  typedef float Vector __attribute__((vector_size(32)));
  typedef float InMemory __attribute__((vector_size(32), aligned(4), may_alias));
  static constexpr int kRows = 6, kPanels = 1;
};
template <>
struct Lanes<16> {
  typedef float Vector __attribute__((vector_size(64)));
  typedef float InMemory __attribute__((vector_size(64), aligned(4), may_alias));
  static constexpr int kRows = 12, kPanels = 2;
};

template <int lanes>
using Vector = typename Lanes<lanes>::Vector;

// They name the type in memory, because auto would deduce it without its alignment.
template <int lanes>
[[gnu::always_inline]] inline void load(Vector<lanes>& value, const float* place) {
  using InMemory = typename Lanes<lanes>::InMemory;
  value = *reinterpret_cast<const InMemory*>(place);
}
template <int lanes>
[[gnu::always_inline]] inline void store(float* place, const Vector<lanes>& value) {
  using InMemory = typename Lanes<lanes>::InMemory;
  *reinterpret_cast<InMemory*>(place) = value;
}

// Calls `body` with the set of instructions that has vectors of so many lanes.
template <int lanes, class Body>
void with_lanes(const Body& body) {
#if defined(__x86_64__) && defined(__GNUC__)
  if constexpr (lanes == 16) return detail::run_avx512(body);
  if constexpr (lanes == 8) return detail::run_avx2(body);
#endif
  body();
}

// Calls f(std::integral_constant<int, lanes>) for the set of instructions in use.
template <class F>
void for_lanes(const F& f) {
  switch (vector_set()) {
    case VectorSet::avx512: return f(std::integral_constant<int, 16>());
    case VectorSet::avx2: return f(std::integral_constant<int, 8>());
    case VectorSet::baseline: return f(std::integral_constant<int, 4>());
  }
}

}  // namespace weft::kernels::vectors
