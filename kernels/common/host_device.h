// SPDX-License-Identifier: Apache-2.0
// Marks a function that nvcc compiles for host and device. For a plain C++ compiler the mark is
// empty. Formulas that the CPU and the GPU share use it. A kernel source includes
// kernels/common/device.h instead.
#pragma once

#ifdef __CUDACC__
#define WEFT_HOST_DEVICE __host__ __device__
#else
#define WEFT_HOST_DEVICE
#endif
