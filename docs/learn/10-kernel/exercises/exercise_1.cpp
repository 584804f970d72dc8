// SPDX-License-Identifier: Apache-2.0
// Multiplies each of n elements by `factor`. There are as many blocks of 32 threads as are needed,
// so the last block may have threads that are left over. They must do nothing.
#include <weft/kernels/device.h>

__global__ void scale(float* x, float factor, unsigned n) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  // TODO
}
