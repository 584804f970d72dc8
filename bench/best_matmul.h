// SPDX-License-Identifier: Apache-2.0
// The fastest of cuBLASLt's algorithms for c = a·b, as a reference for the benchmark.
#pragma once
#include <functional>

#include "weft/tensor/tensor.h"

// Tries all algorithms and returns a call of the fastest, or an empty function without cuBLASLt.
// The tensors must outlive the call. a is (m, k), b (k, n) and c (m, n), all on one GPU. a and b
// have one dtype.
std::function<void()> best_matmul(weft::Tensor& c, const weft::Tensor& a, const weft::Tensor& b);
