// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/tensor/tensor.h"
namespace weft {
Tensor normalize(const Tensor& x, const Tensor& terms);
}  // namespace weft
