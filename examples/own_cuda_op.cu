// SPDX-License-Identifier: Apache-2.0
// The kernels of own_cuda_op.cpp for a GPU. nvcc compiles this file if weft is built for one. If
// weft has the emulated GPU, it is compiled as plain C++. A .cu file includes kernels and no
// tensors.
#include "own_cuda_op.h"

#include <weft/kernels/common/grid.h>

using namespace weft;
using namespace weft::kernels;

namespace {

__global__ void snake_kernel(Output y, Input x) {
  for (i64 i = first_index(); i < x.size; i += grid_stride()) y[i] = snake_of(x[i]);
}

__global__ void snake_backward_kernel(Output dx, Input dy, Input x) {
  for (i64 i = first_index(); i < x.size; i += grid_stride()) dx[i] = dy[i] * slope_of(x[i]);
}

}  // namespace

void snake(Cuda device, Output y, Input x) {
  launch<snake_kernel>(on(device, blocks_for(x.size)), y, x);
}
void snake_backward(Cuda device, Output dx, Input dy, Input x) {
  launch<snake_backward_kernel>(on(device, blocks_for(x.size)), dx, dy, x);
}
