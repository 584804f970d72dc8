// SPDX-License-Identifier: Apache-2.0
// The seam to oneDNN: everything that includes its headers is kernels/onednn_*.cpp.
// Each function returns false when this build, or this version of oneDNN, cannot do the work; the
// caller then takes Eigen.
#pragma once
#include <type_traits>

#include "weft/kernels/library/conv2d.h"
#include "weft/kernels/common/half.h"
#include "weft/kernels/library/matmul.h"

namespace weft::kernels::onednn {

// "oneDNN 2.6.3", or null in a build without it.
const char* version();

// The types it multiplies here; results are float. bfloat16 only where the CPU has instructions for
// it (AVX-512; AMX makes it several times faster than float).
template <class T>
inline constexpr bool kTakes = std::is_same_v<T, float> || std::is_same_v<T, bfloat16>;

template <class T>
bool matmul(float* c, const T* a, const T* b, const float* bias, Activation activation,
            const MatmulShape& shape);

template <class T>
bool conv2d(float* y, const T* x, const T* w, const float* bias, Activation activation,
            const Conv2dShape& shape);
template <class T>
bool conv2d_input_gradient(float* dx, const T* dy, const T* w, const Conv2dShape& shape);
template <class T>
bool conv2d_weight_gradient(float* dw, float* dbias, const T* dy, const T* x,
                            const Conv2dShape& shape);

}  // namespace weft::kernels::onednn
