// SPDX-License-Identifier: Apache-2.0
// A CUDA kernel of your own, written outside weft: each row divided by the root of its mean square
// (RMSNorm, Zhang and Sennrich 2019, arXiv 1910.07467). nvcc compiles this file for a GPU.
// weft_add_op_test compiles it as plain C++ and runs it on the CPU, under sanitizers too.
#include <weft/kernels/device.h>

#include "own_kernel.h"

using namespace weft;
using kernels::Rows;

namespace {

constexpr unsigned kThreads = 128;

// One block per row. Each thread sums the squares of its elements, and a tree sums over the
// threads.
__global__ void rms_norm_kernel(Rows<float> y, Rows<const float> x, float eps) {
  WEFT_SHARED(partial, float[kThreads]);
  const i64 cols = x.cols;
  const float* row = x.row(blockIdx.x);
  float squares = 0;
  for (i64 c = threadIdx.x; c < cols; c += blockDim.x) squares += row[c] * row[c];
  partial[threadIdx.x] = squares;
  __syncthreads();
  for (unsigned half = kThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
    __syncthreads();
  }
  const float factor = rsqrtf(partial[0] / static_cast<float>(cols) + eps);
  for (i64 c = threadIdx.x; c < cols; c += blockDim.x) y(blockIdx.x, c) = row[c] * factor;
}

}  // namespace

void rms_norm(Cuda device, Rows<float> y, Rows<const float> x, float eps) {
  launch<rms_norm_kernel>(
      {.grid = static_cast<unsigned>(x.rows), .block = kThreads, .stream = device.stream}, y, x,
      eps);
}
