// SPDX-License-Identifier: Apache-2.0
// Convolutions with 3×3 kernels and groups of 1, 2 or 4 channels (depthwise, ResNeXt), in float on
// the CPU. A vector holds the channels of one or more whole groups of a pixel, so that all of its
// lanes are used.
//   math     as in conv2d.h
//   shapes   those that narrow_groups::takes() accepts
//   saved    nothing
//   aliasing none
//   source   direct sums in float. The pixels of the gradient of the weights are summed in four
//            levels, so that their error is at most about 4 times that of a pairwise sum. The
//            order of all sums depends on the shape alone, so that each number of threads gives
//            the same bits.
#pragma once
#include "weft/kernels/library/conv2d.h"

namespace weft::kernels::narrow_groups {

// The kernel is 3×3 with dilation 1, padding up to 2, and stride 1 or 2 in both directions. There
// are as many output channels as channels, a multiple of 8, in groups of 1, 2 or 4. No size is 0.
bool takes(const Conv2dShape& shape);

// The arrays are those of conv2d.h.
void conv2d(float* y, const float* x, const float* w, const float* bias, Activation activation,
            const Conv2dShape& shape);
void conv2d_input_gradient(float* dx, const float* dy, const float* w, const Conv2dShape& shape);
void conv2d_weight_gradient(float* dw, float* dbias, const float* dy, const float* x,
                            const Conv2dShape& shape);

}  // namespace weft::kernels::narrow_groups
