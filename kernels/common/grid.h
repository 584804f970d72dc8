// SPDX-License-Identifier: Apache-2.0
// Distributes the elements of a tensor over the threads of a launch. All index arithmetic is i64.
#pragma once
#include <algorithm>

#include "weft/core/types.h"
#include "weft/device/device.h"
#include "weft/kernels/common/convert.h"
#include "weft/kernels/common/device.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

inline constexpr int kThreads = 256;  // threads per block, the default
inline constexpr i64 kMaxBlocks = 1 << 14;
inline constexpr i64 kVectorBytes = 16;  // the widest load or store of a thread

// The elements that one load of kVectorBytes reads.
template <class T>
struct alignas(kVectorBytes) Pack {
  static constexpr int kSize = static_cast<int>(kVectorBytes / sizeof(T));
  T value[kSize];
};

// The index of a thread in its launch. grid_stride() is the step of a grid-stride loop.
WEFT_HOST_DEVICE inline i64 linear_index(u32 block, u32 threads, u32 thread) {
  return static_cast<i64>(block) * threads + thread;
}
__device__ inline i64 first_index() { return linear_index(blockIdx.x, blockDim.x, threadIdx.x); }
__device__ inline i64 grid_stride() { return linear_index(gridDim.x, blockDim.x, 0); }

WEFT_HOST_DEVICE inline i64 divide_up(i64 a, i64 b) { return (a + b - 1) / b; }

// Quotient and remainder of x ≥ 0 by d > 0. A 64-bit division takes about a hundred instructions on
// a GPU, so values that fit into 32 bits are divided as 32-bit values.
struct Division {
  i64 quotient, remainder;
};
WEFT_HOST_DEVICE inline Division divide(i64 x, i64 d) {
  if (((x | d) >> 32) == 0) {
    const u32 q = static_cast<u32>(x) / static_cast<u32>(d);
    return {q, static_cast<u32>(x) - q * static_cast<u32>(d)};
  }
  return {x / d, x % d};
}

// The number of blocks for a grid-stride loop over `work` iterations.
inline u32 blocks_for(i64 work) {
  return static_cast<u32>(std::clamp<i64>(divide_up(work, kThreads), 1, kMaxBlocks));
}

inline bool is_aligned(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % kVectorBytes == 0;
}
// The number of whole packs of T in n elements, or 0 if one of the arrays is not aligned.
template <class T, class... Array>
i64 packs_in(i64 n, const Array*... array) {
  return (is_aligned(array) && ...) ? n / Pack<T>::kSize : 0;
}
// The iterations of the longer of two loops: one over the packs, one over the elements after them.
template <class T>
i64 iterations(i64 n, i64 packs) {
  return std::max(packs, n - packs * Pack<T>::kSize);
}

// y[i] = f(x[i]…), first by packs, then element by element for the remainder. y may be the same
// array as an x, because a thread reads each element before it writes it.
//
// Note [Packs are copied]
// A pack is read by a copy of the whole pack, here into a parameter. Through a reference, nvcc
// assumes only the alignment of an element and makes one load for each, which SASS shows
// (./run kernel-info --all --sass).
template <class T, class F, class... X>
__device__ void map_elements(Span<T> y, i64 packs, const F& f, Span<const X>... x) {
  for (i64 i = first_index(); i < packs; i += grid_stride()) {
    Pack<T> out;
    [&](Pack<X>... in) {
#pragma unroll
      for (int k = 0; k < Pack<T>::kSize; ++k)
        out.value[k] = static_cast<T>(f(static_cast<Compute<X>>(in.value[k])...));
    }(reinterpret_cast<const Pack<X>*>(x.data)[i]...);
    reinterpret_cast<Pack<T>*>(y.data)[i] = out;
  }
  for (i64 i = packs * Pack<T>::kSize + first_index(); i < y.size; i += grid_stride())
    y[i] = static_cast<T>(f(static_cast<Compute<X>>(x[i])...));
}

// The launch configuration for a device's stream.
inline LaunchConfig on(Cuda device, u32 blocks, CallSite caller = CallSite::here()) {
  return {.grid = blocks, .block = kThreads, .stream = device.stream, .caller = caller};
}

}  // namespace weft::kernels
