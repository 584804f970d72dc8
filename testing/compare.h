// SPDX-License-Identifier: Apache-2.0
// Compares tensors, with messages that name the worst element.
#pragma once
#include <string>

#include "weft/tensor/tensor.h"

namespace weft::testing {

// Returns "" if each element of `actual` is within tolerance·(|expected| + the root mean square of
// `expected`, at least 0.01) of `expected`. NaN equals NaN, and infinities equal infinities of the
// same sign. Dtypes may differ: the expected values are rounded to the dtype of `actual` first, so
// that overflow yields infinity in both. Above 1e36 in f32 only the sign is compared.
std::string difference(const Tensor& actual, const Tensor& expected, double tolerance);
// Returns "" if shape, dtype and all bytes are equal.
std::string difference_in_bytes(const Tensor& actual, const Tensor& expected);

// Returns the index of an element as text: element 17 of a (3, 6) is "[2, 5]".
std::string index_text(const Shape& shape, i64 element);

}  // namespace weft::testing
