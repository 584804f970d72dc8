// SPDX-License-Identifier: Apache-2.0
// A matrix product as cuBLASLt is asked for it. It reads matrices column by column, so that a
// row-major C (m, n) is its Cᵀ (n, m), and C = op(A)·op(B) becomes Cᵀ = op(B)ᵀ·op(A)ᵀ: the first
// operand is our b, the second our a, and neither is moved. A bias of n is then one per row of Cᵀ,
// as its epilogues want.
#pragma once
#include <algorithm>

#include "weft/kernels/library/matmul.h"

namespace weft::kernels {

// A column-major matrix in memory: element (i, j) of matrix p is at p·stride + j·leading + i.
struct ColumnMajor {
  i64 rows = 0, cols = 0, leading = 0, stride = 0;
  bool transposed = false;  // op = transpose
};

struct MatmulLayout {
  ColumnMajor first, second, result;  // b, a, c
  i64 batch = 1;
};

inline MatmulLayout layout_of(const MatmulShape& s) {
  const auto stored = [](i64 rows, i64 cols, bool transposed) {
    return ColumnMajor{rows, cols, rows, rows * cols, transposed};
  };
  // Row-major (k, n) is column-major (n, k); where b is stored (n, k), it is (k, n) to be
  // transposed.
  const ColumnMajor first = s.transpose_b ? stored(s.k, s.n, true) : stored(s.n, s.k, false);
  const ColumnMajor second = s.transpose_a ? stored(s.m, s.k, true) : stored(s.k, s.m, false);
  return {first, second, stored(s.n, s.m, false), s.batch};
}

// Which part of act(… + bias) the library computes with the product. The rest is a kernel's
// (add_bias_and_activate): its GELU is the approximation by tanh, ours is not; its relu makes 0 of
// NaN, which would hide weights gone wrong; it has no silu, tanh and sigmoid.
enum class Epilogue { none, bias };
inline Epilogue epilogue_of(bool has_bias, Activation activation) {
  return activation == Activation::none && has_bias ? Epilogue::bias : Epilogue::none;
}

// One product with its epilogue. No side of it is 0, and bias is null unless the epilogue adds it.
// The library is cuBLASLt, or what stands for it on the emulated device.
template <class T, class C>
struct MatmulRequest {
  C* c = nullptr;
  const T* a = nullptr;
  const T* b = nullptr;
  const C* bias = nullptr;
  Epilogue epilogue = Epilogue::none;
  MatmulShape shape;
};

template <class T, class C>
void library_matmul(Cuda device, const MatmulRequest<T, C>& request);

// The largest power of two up to 256 that divides an address: what the library's choice depends on.
inline i64 alignment_of(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer) | 256u;
  return static_cast<i64>(address & (~address + 1));
}

}  // namespace weft::kernels
