// SPDX-License-Identifier: Apache-2.0
// The fastest of the algorithms that cuBLASLt names for c = a·b, as a yardstick.
#pragma once
#include <functional>

#include "weft/tensor/tensor.h"

// Tries them all, and gives back a call of the fastest; nothing where there is no cuBLASLt. The tensors must live
// as long as the call. a (m, k), b (k, n), c (m, n), all on one GPU; a and b of one dtype.
std::function<void()> best_matmul(weft::Tensor& c, const weft::Tensor& a, const weft::Tensor& b);
