// SPDX-License-Identifier: Apache-2.0
// TF32: the tensor cores of a GPU multiply f32 with 11 of its 24 bits of precision, and add in f32.
// Products are several times faster, and their results differ from the CPU's in the third digit.
#pragma once
#include <atomic>

namespace weft::kernels {

// Sets whether products and convolutions of f32 on a GPU may use TF32. The CPU and the emulated
// device never do.
inline std::atomic<bool> allow_tf32{false};

}  // namespace weft::kernels
