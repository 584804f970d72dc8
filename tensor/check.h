// SPDX-License-Identifier: Apache-2.0
// The checks that ops share. Each message begins with the name of the op.
#pragma once
#include "weft/tensor/tensor.h"

namespace weft {

// Checks that a and b are on one device; their dtypes may differ.
void check_same_device(const char* op, const Tensor& a, const Tensor& b);
// Checks that a and b are defined and share dtype and device.
void check_same_kind(const char* op, const Tensor& a, const Tensor& b);
// Checks that an output has this shape, and the dtype and device of `like`.
void check_output(const char* op, const Tensor& output, const Shape& shape, const Tensor& like);

}  // namespace weft
