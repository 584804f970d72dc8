// SPDX-License-Identifier: Apache-2.0
// Matrix products, with the epilogue of a fused linear layer.
//   math     c[b] = act(op(a[b])·op(b[b]) + bias), op = identity or transpose
//   shapes   c (batch, m, n); a (batch, m, k), or (batch, k, m) when transposed;
//            b (batch, k, n), or (batch, n, k) when transposed;
//            bias (n) or null, added to every row
//   types    a and b are of T, c and bias of C. C is T, or float where T is a half type (mixed
//            precision: products of halves are exact in float and are summed in float).
//            A half c exists only on the GPU.
//   saved    for the backward of act(…): its output for relu, tanh, sigmoid (see elementwise_ops.h)
//   aliasing none
//   source   oneDNN (float) where found, else Eigen
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/views.h"
#include "weft/kernels/elementwise_ops.h"

namespace weft::kernels {

// Activations that an epilogue can apply; each is the formula of elementwise_ops.h.
enum class Activation { none, relu, gelu, silu, tanh, sigmoid };

struct MatmulShape {
  i64 batch = 1, m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
};

template <class T, class C, class Device>
void matmul(Device device, C* c, const T* a, const T* b, const C* bias, Activation activation,
            const MatmulShape& shape);

// c = act(c + bias) row by row: the epilogue of products for which the library did not fuse it.
template <class T, class Device>
void add_bias_and_activate(Device device, Rows<T> c, const T* bias, Activation activation);

// Which library computes float matrix products and convolutions on the CPU. oneDNN is the default
// where this build has it; double always takes Eigen.
enum class CpuBackend { onednn, eigen };
CpuBackend cpu_backend();
// Throws UserError for a back end this build lacks.
void set_cpu_backend(CpuBackend backend);
// "oneDNN 2.6.3" or "Eigen 3.4.0"
const char* name_of(CpuBackend backend);

}  // namespace weft::kernels
