// SPDX-License-Identifier: Apache-2.0
// The second argument of __launch_bounds__, for kernels of which ptxas would spill a few registers
// to fit more blocks of kThreads on a multiprocessor than pays off. ./run kernel-info --all shows
// the spills.
#pragma once

namespace weft::kernels {

// 5 blocks leave 48 registers for a thread. GPUs before Ampere have no room for 5. An argument of 0
// leaves the choice to ptxas.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
inline constexpr int kSpillFreeBlocks = 4;
#else
inline constexpr int kSpillFreeBlocks = 5;
#endif

}  // namespace weft::kernels
