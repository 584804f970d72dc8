// SPDX-License-Identifier: Apache-2.0
// Reverses the 64 elements of a block, through shared memory.
#include <weft/kernels/device.h>

__global__ void reverse(float* x) {
  WEFT_SHARED(s, float[64]);
  const unsigned t = threadIdx.x;
  s[t] = x[t];
  // TODO: what must all threads have done before the next line?
  x[t] = s[63 - t];
}
