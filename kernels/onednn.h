// SPDX-License-Identifier: Apache-2.0
// The seam to oneDNN: everything that includes its headers is kernels/onednn_*.cpp.
// Each function returns false when this build, or this version of oneDNN, cannot do the work; the
// caller then takes Eigen.
#pragma once
#include "weft/kernels/conv2d.h"
#include "weft/kernels/matmul.h"

namespace weft::kernels::onednn {

// "oneDNN 2.6.3", or null in a build without it.
const char* version();

bool matmul(float* c, const float* a, const float* b, const float* bias, Activation activation,
            const MatmulShape& shape);

bool conv2d(float* y, const float* x, const float* w, const float* bias, Activation activation,
            const Conv2dShape& shape);
bool conv2d_input_gradient(float* dx, const float* dy, const float* w, const Conv2dShape& shape);
bool conv2d_weight_gradient(float* dw, float* dbias, const float* dy, const float* x,
                            const Conv2dShape& shape);

}  // namespace weft::kernels::onednn
