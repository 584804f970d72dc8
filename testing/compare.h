// SPDX-License-Identifier: Apache-2.0
// Comparing tensors, with messages that name the worst element.
#pragma once
#include <string>

#include "weft/tensor/tensor.h"

namespace weft::testing {

// "" when each element of `actual` is within tolerance·(|expected| + the expected's root mean
// square, at least 0.01) of `expected`; NaN equals NaN, and infinities their like. Dtypes may
// differ: expected numbers are rounded to actual's dtype first, so that what overflows there is
// infinite in both; beyond 1e36 in f32 only the sign counts.
std::string difference(const Tensor& actual, const Tensor& expected, double tolerance);
// "" when shape, dtype and all bytes are equal.
std::string difference_in_bytes(const Tensor& actual, const Tensor& expected);

// Element 17 of a (3, 6) is "[2, 5]".
std::string index_text(const Shape& shape, i64 element);

}  // namespace weft::testing
