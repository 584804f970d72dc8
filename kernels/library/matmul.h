// SPDX-License-Identifier: Apache-2.0
// Matrix products, with the epilogue of a fused linear layer.
//   math     c[b] = act(op(a[b])·op(b[b]) + bias), op = identity or transpose
//   shapes   c (batch, m, n); a (batch, m, k), or (batch, k, m) when transposed;
//            b (batch, k, n), or (batch, n, k) when transposed;
//            bias (n) or null, added to every row
//   types    a and b have type T; c and bias have type C. C is T, or float if T is a half type
//            (mixed precision: products of half values are exact in float and are summed in float).
//            A c of a half type exists only on the GPU.
//   saved    for the backward of act: the output for relu, tanh, sigmoid (elementwise_ops.h)
//   aliasing none
//   source   CPU: oneDNN (float) if the build has it, otherwise Eigen; GPU: cuBLASLt
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/views.h"
#include "weft/kernels/elementwise_ops.h"

namespace weft::kernels {

// The activations that an epilogue can apply. elementwise_ops.h has their formulas.
enum class Activation { none, relu, gelu, silu, tanh, sigmoid };

struct MatmulShape {
  i64 batch = 1, m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
};

template <class T, class C, class Device>
void matmul(Device device, C* c, const T* a, const T* b, const C* bias, Activation activation,
            const MatmulShape& shape);

// c = act(c + bias) for each row: the epilogue that the library has not fused with the product.
// `bias` may be null.
template <class T, class Device>
void add_bias_and_activate(Device device, Rows<T> c, const T* bias, Activation activation);

// The library that computes float matrix products and convolutions on the CPU. oneDNN is the
// default if this build has it. double always uses Eigen.
enum class CpuBackend { onednn, eigen };
CpuBackend cpu_backend();
// Throws UserError for a back end that this build does not have.
void set_cpu_backend(CpuBackend backend);
// Returns the name and the version, "oneDNN 2.6.3" or "Eigen 3.4.0".
const char* name_of(CpuBackend backend);

}  // namespace weft::kernels
