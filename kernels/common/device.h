// SPDX-License-Identifier: Apache-2.0
// The one header a kernel source (.cu, .cuh) includes: everything of CUDA's language that kernels
// may use, under nvcc and under a plain C++ compiler, which runs the kernel on the emulator
// (docs/kernels.md). A kernel launch: device/launch.h.
//
//   WEFT_SHARED(tile, float[32][33]);     shared memory of a size known at compile time
//   float* row = dynamic_shared<float>(); shared memory of the size given at the launch (.smem)
//
// Rules (docs/kernels.md says why): no raw __shared__, no CUB, no cooperative groups; guard the
// work, not the barrier; explicit masks; __syncwarp() between lanes' writes and reads of shared
// memory; no block waits for another; half and bfloat16 are storage, arithmetic is in float.
#pragma once
#include "weft/device/launch.h"
#include "weft/kernels/common/half.h"
#include "weft/kernels/common/host_device.h"

namespace weft {

// All lanes of a warp, for __shfl_*_sync and the like.
inline constexpr unsigned kAllLanes = 0xffffffffu;

}  // namespace weft

#ifdef __CUDACC__

#define WEFT_SHARED(name, ...) __shared__ __align__(16) std::type_identity_t<__VA_ARGS__> name

namespace weft {

template <class T>
__device__ __forceinline__ T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char weft_dynamic_shared_memory[];
  return reinterpret_cast<T*>(weft_dynamic_shared_memory);
}

}  // namespace weft

#else
#include "weft/device/simt/intrinsics.h"
#include "weft/device/simt/shared_memory.h"
#endif
