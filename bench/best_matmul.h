// SPDX-License-Identifier: Apache-2.0
// The fastest of the algorithms that cuBLASLt offers for c = a·b, as a reference.
#pragma once
#include <functional>

#include "weft/tensor/tensor.h"

// Times all algorithms and returns a call of the fastest, or an empty function in a build without
// cuBLASLt. The tensors must outlive the returned function. The shapes are a (m, k), b (k, n) and
// c (m, n). All tensors are on one GPU, and a and b have the same dtype.
std::function<void()> best_matmul(weft::Tensor& c, const weft::Tensor& a, const weft::Tensor& b);
