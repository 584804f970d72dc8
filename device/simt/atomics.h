// SPDX-License-Identifier: Apache-2.0
// CUDA's atomics for a plain C++ compiler, for the types that CUDA supports. Relaxed, as in CUDA.
#pragma once
#include <atomic>
#include <type_traits>

#include "weft/device/simt/collectives.h"

namespace weft::simt {

template <class T, class... Of>
concept OneOf = (std::is_same_v<T, Of> || ...);
template <class T>
concept Wide = OneOf<T, int, unsigned, unsigned long long>;

// Sets *place to change(*place) and returns the previous value.
template <class T, class Change>
T read_modify_write(T* place, CallSite site, const Change& change) {
  note_atomic(site);
  std::atomic_ref<T> atomic(*place);
  T old = atomic.load(std::memory_order_relaxed);
  while (!atomic.compare_exchange_weak(old, change(old), std::memory_order_relaxed)) {
  }
  return old;
}

}  // namespace weft::simt

// NOLINTBEGIN(readability-identifier-naming)
#define WEFT_ATOMIC(name, types, result)                                                   \
  template <class T>                                                                       \
  requires(types) T name(T* place, std::type_identity_t<T> value,                          \
                         ::weft::CallSite site = ::weft::CallSite::here()) {               \
    return ::weft::simt::read_modify_write(place, site,                                    \
                                           [=](T old) { return static_cast<T>(result); }); \
  }
#define WEFT_TYPES(...) (::weft::simt::OneOf<T, __VA_ARGS__>)
WEFT_ATOMIC(atomicAdd, WEFT_TYPES(int, unsigned, unsigned long long, float, double), old + value)
WEFT_ATOMIC(atomicSub, WEFT_TYPES(int, unsigned), old - value)
WEFT_ATOMIC(atomicExch, WEFT_TYPES(int, unsigned, unsigned long long, float), (void(old), value))
WEFT_ATOMIC(atomicMax, WEFT_TYPES(int, unsigned, long long, unsigned long long),
            old < value ? value : old)
WEFT_ATOMIC(atomicMin, WEFT_TYPES(int, unsigned, long long, unsigned long long),
            value < old ? value : old)
WEFT_ATOMIC(atomicAnd, WEFT_TYPES(int, unsigned, unsigned long long), old& value)
WEFT_ATOMIC(atomicOr, WEFT_TYPES(int, unsigned, unsigned long long), old | value)
WEFT_ATOMIC(atomicXor, WEFT_TYPES(int, unsigned, unsigned long long), old ^ value)
WEFT_ATOMIC(atomicInc, WEFT_TYPES(unsigned), old >= value ? 0u : old + 1u)
#undef WEFT_TYPES
#undef WEFT_ATOMIC

template <class T>
requires(weft::simt::OneOf<T, int, unsigned, unsigned long long, unsigned short>) T
    atomicCAS(T* place, std::type_identity_t<T> expected, std::type_identity_t<T> wanted,
              weft::CallSite site = weft::CallSite::here()) {
  weft::simt::note_atomic(site);
  std::atomic_ref<T>(*place).compare_exchange_strong(expected, wanted, std::memory_order_relaxed);
  return expected;
}
// NOLINTEND(readability-identifier-naming)
