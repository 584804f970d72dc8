// SPDX-License-Identifier: Apache-2.0
// The checks that ops share, each with the op's name first.
#pragma once
#include "weft/tensor/tensor.h"

namespace weft {

// a and b share a device, whatever their dtypes.
void check_same_device(const char* op, const Tensor& a, const Tensor& b);
// a and b share dtype and device.
void check_same_kind(const char* op, const Tensor& a, const Tensor& b);
// An output has this shape, and the dtype and device of `like`.
void check_output(const char* op, const Tensor& output, const Shape& shape, const Tensor& like);

}  // namespace weft
