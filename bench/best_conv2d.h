// SPDX-License-Identifier: Apache-2.0
// The fastest of the plans that cuDNN offers for a convolution, as a reference.
#pragma once
#include <functional>

#include "weft/tensor/tensor.h"

// Times the plans that cuDNN suggests for a 3×3 convolution with padding 1 (all_conv2d_plans() of
// kernels/library/conv2d_graph.h, in f32 without TF32) and returns a call of the fastest, or an
// empty function for tensors on the CPU. Plans that are not deterministic count too. The shapes are
// x (batch, height, width, in) and w (out, 3, 3, in); the result has the dtype of x and is written
// to memory of the function's own. The tensors must outlive the returned function, and are on one
// GPU.
std::function<void()> best_conv2d(const weft::Tensor& x, const weft::Tensor& w);
