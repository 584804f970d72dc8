// SPDX-License-Identifier: Apache-2.0
// The products for which the kernels of matmul and conv2d are instantiated: X(type of the operands,
// type of the result).
#pragma once
#include "weft/kernels/common/half.h"

#define WEFT_CPU_PRODUCT_TYPES(X) \
  X(float, float) X(double, double) X(half, float) X(bfloat16, float)
#define WEFT_CUDA_PRODUCT_TYPES(X) WEFT_CPU_PRODUCT_TYPES(X) X(half, half) X(bfloat16, bfloat16)
