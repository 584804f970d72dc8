// SPDX-License-Identifier: Apache-2.0
// Activations as a run-time value, for ops that fuse one.
#pragma once
#include "weft/autograd/variable.h"
#include "weft/kernels/library/matmul.h"

namespace weft {

// "relu"
const char* name_of(kernels::Activation activation);
// Whether the slope can be computed from the output of the activation, which a fused op stores
// anyway.
bool slope_from_output(kernels::Activation activation);
// Applies the activation as a separate op.
Variable activate(const Variable& x, kernels::Activation activation);
// Computes dx = dy·slope(y) for an activation with slope_from_output(); dx may be dy.
void activation_backward(Tensor& dx, const Tensor& dy, const Tensor& y,
                         kernels::Activation activation);

}  // namespace weft
