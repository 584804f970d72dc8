// SPDX-License-Identifier: Apache-2.0
// The interface to oneDNN. Only kernels/library/onednn_*.cpp include oneDNN's headers. Each
// function returns false if this build or this version of oneDNN cannot compute the result. The
// caller then uses Eigen.
#pragma once
#include <type_traits>

#include "weft/kernels/library/conv2d.h"
#include "weft/kernels/common/half.h"
#include "weft/kernels/library/matmul.h"

namespace weft::kernels::onednn {

// Returns "oneDNN 2.6.3", or null in a build without oneDNN.
const char* version();

// Whether oneDNN multiplies type T. Results are float. bfloat16 additionally requires a CPU with
// instructions for it (AVX-512; with AMX it is several times faster than float).
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
