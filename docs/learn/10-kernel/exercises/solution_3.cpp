// SPDX-License-Identifier: Apache-2.0
#include <weft/kernels/device.h>

// After the step with d, the first d lanes have the sums of all lanes that are d places apart.
__global__ void warp_sum(float* sum, const float* x) {
  float v = x[threadIdx.x];
  for (unsigned d = 16; d > 0; d /= 2) v += __shfl_down_sync(weft::kAllLanes, v, d);
  if (threadIdx.x == 0) *sum = v;
}
