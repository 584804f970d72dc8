// SPDX-License-Identifier: Apache-2.0
// The mark of a function that nvcc compiles for both sides; nothing to a plain C++ compiler.
// Formulas that CPU and GPU share use it. A kernel source includes kernels/common/device.h.
#pragma once

#ifdef __CUDACC__
#define WEFT_HOST_DEVICE __host__ __device__
#else
#define WEFT_HOST_DEVICE
#endif
