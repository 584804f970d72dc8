// SPDX-License-Identifier: Apache-2.0
// Writes the sum of 32 elements to *sum, by one warp and without shared memory.
// __shfl_down_sync(weft::kAllLanes, v, d) returns the v of the lane d places further on. A lane with
// none there gets its own v back.
#include <weft/kernels/device.h>

__global__ void warp_sum(float* sum, const float* x) {
  float v = x[threadIdx.x];
  // TODO: for d = 16, 8, 4, 2 and 1, all lanes call __shfl_down_sync and add what it returns.
  if (threadIdx.x == 0) *sum = v;
}
