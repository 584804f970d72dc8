// SPDX-License-Identifier: Apache-2.0
// Reductions inside a warp and inside a block, for kernels. Every thread gets the result, and the same
// bytes whatever the order of threads.
//   const float total = block_reduce<Sum>(mine);
#pragma once
#include <cmath>

#include "weft/kernels/device.h"

namespace weft::kernels {

struct Sum {
  template <class T>
  static __device__ __forceinline__ T identity() {
    return T(0);
  }
  template <class T>
  static __device__ __forceinline__ T combine(T a, T b) {
    return a + b;
  }
};

// NaN in gives NaN out, unlike fmax.
struct Max {
  template <class T>
  static __device__ __forceinline__ T identity() {
    return -INFINITY;
  }
  template <class T>
  static __device__ __forceinline__ T combine(T a, T b) {
    return a > b || a != a ? a : b;
  }
};

// All 32 lanes must take part. T is float, double, or a 4- or 8-byte integer.
template <class Op, class T>
__device__ __forceinline__ T warp_reduce(T value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    value = Op::combine(value, __shfl_xor_sync(kAllLanes, value, distance));
  return value;
}

// All threads of the block must take part, a multiple of 32 of them in one dimension.
template <class Op, class T>
__device__ __forceinline__ T block_reduce(T value) {
  WEFT_SHARED(of_warp, T[32]);
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int warps = static_cast<int>(blockDim.x) / 32;
  value = warp_reduce<Op>(value);
  __syncthreads();  // a previous call may still be reading of_warp
  if (lane == 0) of_warp[warp] = value;
  __syncthreads();
  return warp_reduce<Op>(lane < warps ? of_warp[lane] : Op::template identity<T>());
}

}  // namespace weft::kernels
