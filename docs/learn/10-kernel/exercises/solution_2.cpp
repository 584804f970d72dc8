// SPDX-License-Identifier: Apache-2.0
#include <weft/kernels/device.h>

__global__ void reverse(float* x) {
  WEFT_SHARED(s, float[64]);
  const unsigned t = threadIdx.x;
  s[t] = x[t];
  __syncthreads();
  x[t] = s[63 - t];
}
