// SPDX-License-Identifier: Apache-2.0
// On the emulated device, matrix products are the CPU's. What cuBLASLt would be asked for is checked by
// its rules first.
#include "weft/core/error.h"
#include "weft/device/emulated/stream.h"
#include "weft/kernels/as_compute.h"
#include "weft/kernels/matmul.h"
#include "weft/kernels/matmul_layout.h"
#include "weft/kernels/product_types.h"

namespace weft::kernels {
namespace {

void check_matrix(const char* name, const ColumnMajor& m, i64 rows, i64 cols) {
  const i64 op_rows = m.transposed ? m.cols : m.rows, op_cols = m.transposed ? m.rows : m.cols;
  WEFT_ASSERT(
      m.leading >= m.rows && m.leading > 0 && op_rows == rows && op_cols == cols &&
          m.stride >= m.leading * m.cols,
      "matmul: {} is ({}, {}) by columns of {}, {} apart; as an operand it must be ({}, {})", name,
      m.rows, m.cols, m.leading, m.stride, rows, cols);
}

template <class T>
void check_pointer(const char* name, const T* pointer) {
  WEFT_ASSERT(alignment_of(pointer) >= static_cast<i64>(sizeof(T)),
              "matmul: {} is aligned to {} bytes; the {} of an element are required", name,
              alignment_of(pointer), sizeof(T));
}

}  // namespace

template <class T, class C>
void matmul(Cuda device, C* c, const T* a, const T* b, const C* bias, Activation activation,
            const MatmulShape& s) {
  if (s.batch * s.m * s.n == 0) return;
  if (s.k > 0) {
    const MatmulLayout layout = layout_of(s);
    check_matrix("b", layout.first, s.n, s.k);
    check_matrix("a", layout.second, s.k, s.m);
    check_matrix("c", layout.result, s.n, s.m);
    check_pointer("a", a);
    check_pointer("b", b);
    check_pointer("c", c);
  }
  emulated::enqueue(device.stream, [=] {
    const AsCompute<T> a_values(a, s.batch * s.m * s.k), b_values(b, s.batch * s.k * s.n);
    const AsCompute<C> bias_values(bias, s.n);
    write_computed(c, s.batch * s.m * s.n, [&](Compute<C>* result) {
      matmul(Cpu{}, result, a_values.data(), b_values.data(), bias_values.data(), activation, s);
    });
  });
}

#define WEFT_MATMUL(T, C) \
  template void matmul(Cuda, C*, const T*, const T*, const C*, Activation, const MatmulShape&);
WEFT_CUDA_PRODUCT_TYPES(WEFT_MATMUL)

}  // namespace weft::kernels
