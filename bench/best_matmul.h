// SPDX-License-Identifier: Apache-2.0
// The fastest of the algorithms that cuBLASLt offers for c = a·b, as a reference.
#pragma once
#include <functional>

#include "weft/tensor/tensor.h"

// Tries all of them and returns a call of the fastest; an empty function where there is no
// cuBLASLt. The tensors must outlive the call. a (m, k), b (k, n), c (m, n), all on one GPU; a and
// b have one dtype.
std::function<void()> best_matmul(weft::Tensor& c, const weft::Tensor& a, const weft::Tensor& b);
