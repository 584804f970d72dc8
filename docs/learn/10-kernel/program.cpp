// SPDX-License-Identifier: Apache-2.0
// Three kernels: where each thread is, a sum with its barriers, and the same sum with a race.
#include <weft/device/simt/simt.h>
#include <weft/kernels/device.h>

#include <cstdio>

#include "gpu_array.h"

using namespace weft;

// Each thread writes one element: 100 times its block, plus its place in the block.
__global__ void places(float* y) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = static_cast<float>(100 * blockIdx.x + threadIdx.x);
}

// The block adds the upper half of its elements to the lower half, until one element is left.
__global__ void block_sum(float* sum, const float* x) {
  WEFT_SHARED(s, float[8]);
  const unsigned t = threadIdx.x;
  s[t] = x[t];
  __syncthreads();
  for (unsigned half = 4; half > 0; half /= 2) {
    if (t < half) s[t] += s[t + half];
    __syncthreads();
  }
  if (t == 0) *sum = s[0];
}

// The same without the barrier in the loop.
__global__ void racing_sum(float* sum, const float* x) {
  WEFT_SHARED(s, float[8]);
  const unsigned t = threadIdx.x;
  s[t] = x[t];
  __syncthreads();
  for (unsigned half = 4; half > 0; half /= 2)
    if (t < half) s[t] += s[t + half];
  if (t == 0) *sum = s[0];
}

int main() {
  const GpuArray where(std::vector<float>(12)), x({1, 2, 3, 4, 5, 6, 7, 8}), sum({0});
  launch<places>({.grid = 3, .block = 4}, where.data());
  for (const float place : where.host()) std::printf("%g ", place);
  std::printf("\n");

  for (const auto& [name, order, seed] : {std::tuple{"forward", simt::Order::forward, 0},
                                          {"reverse", simt::Order::reverse, 0},
                                          {"random 1", simt::Order::random, 1},
                                          {"random 2", simt::Order::random, 2}}) {
    const simt::ScopedOptions run({.order = order, .seed = static_cast<u64>(seed)});
    launch<block_sum>({.grid = 1, .block = 8}, sum.data(), x.data());
    const float right = sum.host()[0];
    launch<racing_sum>({.grid = 1, .block = 8}, sum.data(), x.data());
    std::printf("%-8s  with barriers %g, without %g\n", name, right, sum.host()[0]);
  }
}
