// SPDX-License-Identifier: Apache-2.0
#include <weft/kernels/device.h>

__global__ void scale(float* x, float factor, unsigned n) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] *= factor;
}
