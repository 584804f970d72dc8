// SPDX-License-Identifier: Apache-2.0
// Kernels with one deliberate mistake each, and some without, which the emulator must or must not
// report. The tests find the lines by the marks at their ends.
#pragma once
#include "weft/kernels/common/team.h"
#include "weft/kernels/common/device.h"

namespace weft::bugs {

// ---- races ----

// There is no barrier between the write of s[t] and the read of s[t + 1].
[[maybe_unused]] static __global__ void missing_barrier(float* y, const float* x) {
  WEFT_SHARED(s, float[256]);
  const unsigned t = threadIdx.x;
  s[t] = x[t];                     // mark: missing_barrier write
  y[t] = s[(t + 1) % blockDim.x];  // mark: missing_barrier read
}

// There is no barrier at the end of the loop's body, which is right only when threads run in order.
[[maybe_unused]] static __global__ void missing_trailing_barrier(float* y, const float* x,
                                                                 int rounds) {
  WEFT_SHARED(s, float[256]);
  const unsigned t = threadIdx.x;
  float sum = 0;
  for (int r = 0; r < rounds; ++r) {
    s[t] = x[static_cast<unsigned>(r) * blockDim.x + t];  // mark: trailing write
    __syncthreads();
    sum += s[(t + 1) % blockDim.x];  // mark: trailing read
  }
  y[t] = sum;
}

// Lanes do not run in lockstep.
[[maybe_unused]] static __global__ void missing_syncwarp(float* y) {
  WEFT_SHARED(s, float[32]);
  const unsigned t = threadIdx.x;
  s[t] = static_cast<float>(t);  // mark: syncwarp write
  y[t] = s[t ^ 1];               // mark: syncwarp read
}
[[maybe_unused]] static __global__ void with_syncwarp(float* y) {
  WEFT_SHARED(s, float[32]);
  const unsigned t = threadIdx.x;
  s[t] = static_cast<float>(t);
  __syncwarp();  // mark: syncwarp site
  y[t] = s[t ^ 1];
}

// Blocks add without an atomic. Barriers around the addition do not order other blocks.
[[maybe_unused]] static __global__ void race_between_blocks(float* sum) {
  if (threadIdx.x == 0) *sum += 1;  // mark: blocks add
}
[[maybe_unused]] static __global__ void race_between_blocks_with_barriers(float* sum) {
  __syncthreads();
  if (threadIdx.x == 0) *sum += 1;  // mark: blocks add between barriers
  __syncthreads();
}

// The last block to finish sums the values that the others wrote. Without a fence it may not see
// them.
template <bool kFence>
__global__ void last_block_sums(float* sum, float* partial, unsigned* ticket) {
  WEFT_SHARED(last, bool);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = 1;  // mark: partial write
    if (kFence) __threadfence();
    last = atomicAdd(ticket, 1u) == gridDim.x - 1;
    if (kFence) __threadfence();
  }
  __syncthreads();
  float mine = last && threadIdx.x < gridDim.x ? partial[threadIdx.x] : 0;  // mark: partial read
  mine = kernels::block_combine(mine, kernels::Plus{});
  if (last && threadIdx.x == 0) *sum = mine;
}

// ---- outside an array, misaligned ----

[[maybe_unused]] static __global__ void outside_global(float* y, const float* x, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i <= n) y[i] = 2 * x[i];  // mark: outside global
}
[[maybe_unused]] static __global__ void outside_shared(float* y) {
  WEFT_SHARED(s, float[64]);
  const unsigned t = threadIdx.x;
  s[t] = 1;
  __syncthreads();
  const volatile float* p = s;
  y[t] = p[t + 1];  // mark: outside shared
}
[[maybe_unused]] static __global__ void outside_row(float* y) {
  WEFT_SHARED(s, float[8][8]);
  const unsigned t = threadIdx.x;
  s[t / 8][t % 8] = 1;
  __syncthreads();
  y[t] = s[t / 8][t % 8 + 1];  // mark: outside row
}
[[maybe_unused]] static __global__ void outside_dynamic(float* y) {
  float* s = dynamic_shared<float>();
  s[threadIdx.x] = 1;  // mark: outside dynamic
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}
[[maybe_unused]] static __global__ void misaligned(float* y, const float* x) {
  const float4 v = reinterpret_cast<const float4*>(x + 1)[threadIdx.x];  // mark: misaligned
  y[threadIdx.x] = v.x + v.y + v.z + v.w;
}

// ---- barriers and warps ----

[[maybe_unused]] static __global__ void divergent_barrier(float* y) {
  const unsigned t = threadIdx.x;
  if (t < 40) {
    y[t] = 1;
    __syncthreads();  // mark: divergent first
  } else {
    y[t] = 2;
    __syncthreads();  // mark: divergent second
  }
}
[[maybe_unused]] static __global__ void early_return(float* y, unsigned n) {
  const unsigned t = threadIdx.x;
  if (t >= n) return;
  y[t] = 1;
  __syncthreads();  // mark: early return
}
[[maybe_unused]] static __global__ void shuffle_with_absent_lanes(
    float* y) {  // launched with 48 threads
  float v = 1;
  for (unsigned distance = 16; distance > 0; distance /= 2)
    v += __shfl_down_sync(0xffffffffu, v, distance);  // mark: absent lanes
  y[threadIdx.x] = v;
}
[[maybe_unused]] static __global__ void shuffle_in_a_branch(float* y) {
  const unsigned t = threadIdx.x;
  float v = static_cast<float>(t);
  if (t % 2 == 0) v += __shfl_xor_sync(0xffffffffu, v, 2);  // mark: branch shuffle
  __syncthreads();                                          // mark: branch barrier
  y[t] = v;
}
[[maybe_unused]] static __global__ void lane_outside_its_mask(unsigned* y) {
  y[threadIdx.x] = __ballot_sync(0x0000ffffu, 1);  // mark: own mask
}
[[maybe_unused]] static __global__ void different_operations(unsigned* y) {
  const unsigned t = threadIdx.x;
  if (t % 2 == 0) y[t] = __ballot_sync(0xffffffffu, 1);  // mark: ballot half
  else __syncwarp();                                     // mark: syncwarp half
}
[[maybe_unused]] static __global__ void waits_for_another_block(unsigned* flag) {
  if (blockIdx.x == 0)
    while (atomicAdd(flag, 0u) == 0) {  // mark: spins
    }
  else atomicExch(flag, 1u);
}
[[maybe_unused]] static __global__ void traps(int n) {
  if (static_cast<int>(threadIdx.x) == n) __trap();  // mark: trap
}

// ---- uninitialised shared memory ----

[[maybe_unused]] static __global__ void uninitialised_shared(float* y) {
  WEFT_SHARED(s, float[64]);
  const unsigned t = threadIdx.x;
  if (t < 63) s[t] = 1;
  __syncthreads();
  y[t] = s[t] > 0.5f ? s[t] : 0;  // a NaN compares false: only another filling reveals it
}
[[maybe_unused]] static __global__ void uninitialised_accumulator(float* y, const float* x, int n) {
  float* sums = dynamic_shared<float>();
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x))
    atomicAdd(&sums[i % 8], x[i]);
  __syncthreads();
  if (threadIdx.x < 8) y[threadIdx.x] = sums[threadIdx.x];
}

}  // namespace weft::bugs
