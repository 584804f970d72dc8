// SPDX-License-Identifier: Apache-2.0
// The one header a kernel source includes to be compiled by nvcc and by a plain C++ compiler.
#pragma once

#ifdef __CUDACC__
#define WEFT_HOST_DEVICE __host__ __device__
#else
#define WEFT_HOST_DEVICE
#endif
