// SPDX-License-Identifier: Apache-2.0
// Activations by their run-time name, for ops that fuse one.
#pragma once
#include "weft/autograd/variable.h"
#include "weft/kernels/library/matmul.h"

namespace weft {

// "relu"
const char* name_of(kernels::Activation activation);
// Whether the slope can be had from the activation's output, which the op has anyway.
bool slope_from_output(kernels::Activation activation);
// The activation as an op of its own.
Variable activate(const Variable& x, kernels::Activation activation);
// dx = dy·slope(y) for an activation with slope_from_output; dx may be dy.
void activation_backward(Tensor& dx, const Tensor& dy, const Tensor& y,
                         kernels::Activation activation);

}  // namespace weft
