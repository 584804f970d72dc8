// SPDX-License-Identifier: Apache-2.0
// The header that every kernel source (.cu, .cuh) includes. It provides the part of CUDA's language
// that kernels may use, for nvcc and for a plain C++ compiler, whose kernels run on the emulator
// (docs/kernels.md). device/launch.h launches a kernel.
//
//   WEFT_SHARED(tile, float[32][33]);     shared memory of a size known at compile time
//   float* row = dynamic_shared<float>(); shared memory of the size given at the launch (.smem)
//
// The rules for kernels follow; docs/kernels.md gives their reasons. Raw __shared__, CUB and
// cooperative groups are not used. A condition guards the work and never a barrier. Masks are
// explicit. __syncwarp() separates the lanes' writes of shared memory from their reads. No block
// waits for another. half and bfloat16 are storage types, and arithmetic is in float.
#pragma once
#include "weft/device/launch.h"
#include "weft/kernels/common/half.h"
#include "weft/kernels/common/host_device.h"

namespace weft {

// The mask of all lanes of a warp, for __shfl_*_sync and __ballot_sync.
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
