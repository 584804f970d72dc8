// SPDX-License-Identifier: Apache-2.0
// The plan of a broadcast for kernels.
#pragma once
#include "weft/kernels/elementwise.h"
#include "weft/tensor/shape.h"

namespace weft {

// The strides with which a and b are read while c is written in order. a and b broadcast to c.
// Neighbouring axes that both inputs step through with one stride are merged.
kernels::Broadcast broadcast_of(const Shape& c, const Shape& a, const Shape& b);

}  // namespace weft
