// SPDX-License-Identifier: Apache-2.0
// Convolutions with 3×3 kernels and stride 1 by Winograd's minimal filtering, in float on the CPU.
//   math     as in conv2d.h
//   shapes   those that winograd::takes() accepts
//   saved    nothing
//   aliasing none
//   source   Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016
//            (arXiv:1509.09308)
//
// Note [Winograd]
// F(m×m, 3×3) computes a tile of m×m outputs from (m+2)×(m+2) inputs. Both the inputs and the
// weights are transformed into n² = (m+2)² points, at which they are multiplied and summed over
// the channels, and the sums are transformed into the outputs:
//
//   y = Aᵀ [ Σ_c (G w Gᵀ) ⊙ (Bᵀ x B) ] A
//
// An output takes n²/m² products for each channel instead of 9: 4 for m = 2, and 2.25 for m = 4.
// At each point, the sums are a matrix product of tiles × channels with channels × outputs. The
// gradient of x is the same with the weights turned by 180°. The gradient of w is the adjoint:
//
//   dw = Gᵀ [ Σ_tiles (A dy Aᵀ) ⊙ (Bᵀ x B) ] G
//
// The constants of the transforms grow with m, and with them the error. tests/kernels/winograd_test
// compares with a sum in double: for sums over up to 1,024 channels, the relative error in L2 is
// below 1e-5 for m = 4, and below 2e-6 for m = 2; a direct sum has up to 1.1e-6. The errors of dw
// grow with the pixels: over 1 to 1.6 million pixels, m = 4 has 3.4e-6 to 4.0e-6 and a direct sum
// 3.5e-6 to 4.5e-6 (16 channels).
//
// An inf or NaN among the inputs spreads to whole tiles of outputs, mostly as NaN, because the
// transforms add and subtract the pixels of a tile; a direct convolution has it only in the outputs
// whose kernel covers the pixel, and keeps inf.
//
// The order of all sums depends on the shape alone, so that each number of threads gives the same
// bits.
#pragma once
#include "weft/kernels/library/conv2d.h"

namespace weft::kernels::winograd {

// The kernel is 3×3 with stride 1, dilation 1, padding up to 2 and one group, the channels are
// multiples of 16, and no size is 0.
bool takes(const Conv2dShape& shape);

// `m` is 2 or 4. The arrays are those of conv2d.h. For the gradient of the weights, winograd_tile()
// (conv2d_method.h) never returns 2, so that only tests and `./run bench convolutions` use it.
void conv2d(float* y, const float* x, const float* w, const float* bias, Activation activation,
            const Conv2dShape& shape, int m);
void conv2d_input_gradient(float* dx, const float* dy, const float* w, const Conv2dShape& shape,
                           int m);
void conv2d_weight_gradient(float* dw, float* dbias, const float* dy, const float* x,
                            const Conv2dShape& shape, int m);

}  // namespace weft::kernels::winograd
