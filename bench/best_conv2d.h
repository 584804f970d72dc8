// SPDX-License-Identifier: Apache-2.0
// The fastest of the plans that cuDNN offers for a convolution, as a reference.
#pragma once
#include <functional>

#include "weft/tensor/tensor.h"

// Times all plans of cuDNN's graph interface for a 3×3 convolution with padding 1 and returns a
// call of the fastest, or an empty function in a build without cuDNN. Plans that are not
// deterministic count too. The shapes are x (batch, height, width, in) and w (out, 3, 3, in); the
// result has the dtype of x and is written to memory of the function's own. The tensors must
// outlive the returned function, and are on one GPU.
std::function<void()> best_conv2d(const weft::Tensor& x, const weft::Tensor& w);
