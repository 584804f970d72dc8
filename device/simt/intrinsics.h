// SPDX-License-Identifier: Apache-2.0
// CUDA's device language for a plain C++ compiler: qualifiers, built-in variables, barriers, warp
// operations. atomics.h and device_math.h have the rest. Only the features that weft's kernels may
// use are here, with CUDA's signatures, so that code which compiles here also compiles with nvcc.
// source: CUDA C++ Programming Guide, "C++ Language Extensions"
#pragma once
#ifdef __CUDACC__
#error "nvcc has these of its own; include weft/kernels/common/device.h"
#endif
#include <bit>
#include <cstring>
#include <type_traits>

#include "weft/device/simt/atomics.h"
#include "weft/device/simt/collectives.h"
#include "weft/device/simt/device_math.h"
#include "weft/device/simt/types.h"

// NOLINTBEGIN(readability-identifier-naming,bugprone-reserved-identifier)
#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)
#define __grid_constant__
#define __restrict__ __restrict
#define __shared__ static_assert(false, "use WEFT_SHARED(name, type) or weft::dynamic_shared<T>()");

// These are rewritten whenever another thread runs, because one OS thread runs all of them.
inline uint3 threadIdx{}, blockIdx{};
inline dim3 blockDim{}, gridDim{};
inline constexpr int warpSize = 32;

#define WEFT_SITE ::weft::CallSite site = ::weft::CallSite::here()

inline void __syncthreads(WEFT_SITE) { weft::simt::barrier(site); }
inline int __syncthreads_count(int predicate, WEFT_SITE) {
  return weft::simt::barrier_vote(predicate != 0, weft::simt::Vote::count, site);
}
inline int __syncthreads_and(int predicate, WEFT_SITE) {
  return weft::simt::barrier_vote(predicate != 0, weft::simt::Vote::all, site);
}
inline int __syncthreads_or(int predicate, WEFT_SITE) {
  return weft::simt::barrier_vote(predicate != 0, weft::simt::Vote::any, site);
}
inline void __syncwarp(unsigned mask = 0xffffffffu, WEFT_SITE) {
  weft::simt::sync_warp(mask, site);
}
inline void __threadfence(WEFT_SITE) { weft::simt::fence(site); }
inline void __threadfence_block(WEFT_SITE) { weft::simt::fence(site); }
[[noreturn]] inline void __trap(WEFT_SITE) { weft::simt::trap("__trap()", site); }

namespace weft::simt {
// The types that CUDA can shuffle.
template <class T>
concept Shuffled = std::is_arithmetic_v<T> &&(sizeof(T) == 4 || sizeof(T) == 8);

template <Shuffled T>
T shuffled(Shuffle mode, unsigned mask, T value, int argument, int width, CallSite site) {
  u64 bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = shuffle(mode, mask, bits, argument, width, site);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
}  // namespace weft::simt

template <weft::simt::Shuffled T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32, WEFT_SITE) {
  return weft::simt::shuffled(weft::simt::Shuffle::index, mask, value, lane, width, site);
}
template <weft::simt::Shuffled T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, WEFT_SITE) {
  return weft::simt::shuffled(weft::simt::Shuffle::up, mask, value, static_cast<int>(delta), width,
                              site);
}
template <weft::simt::Shuffled T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, WEFT_SITE) {
  return weft::simt::shuffled(weft::simt::Shuffle::down, mask, value, static_cast<int>(delta),
                              width, site);
}
template <weft::simt::Shuffled T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, WEFT_SITE) {
  return weft::simt::shuffled(weft::simt::Shuffle::exclusive_or, mask, value, lanes, width, site);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, WEFT_SITE) {
  return weft::simt::ballot(mask, predicate != 0, site);
}
inline int __any_sync(unsigned mask, int predicate, WEFT_SITE) {
  return weft::simt::ballot(mask, predicate != 0, site) != 0;
}
inline int __all_sync(unsigned mask, int predicate, WEFT_SITE) {
  return weft::simt::ballot(mask, predicate == 0, site) == 0;
}
template <weft::simt::Shuffled T>
unsigned __match_any_sync(unsigned mask, T value, WEFT_SITE) {
  weft::u64 bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return weft::simt::match(mask, bits, site);
}
#undef WEFT_SITE
// NOLINTEND(readability-identifier-naming,bugprone-reserved-identifier)
