// SPDX-License-Identifier: Apache-2.0
// A matrix product in the layout of cuBLASLt, which is column-major. A row-major C (m, n) is a
// column-major Cᵀ (n, m), and C = op(A)·op(B) becomes Cᵀ = op(B)ᵀ·op(A)ᵀ. The first operand of
// cuBLASLt is therefore b and the second is a, and no array is copied. The bias (n) then has one
// element per row of Cᵀ, as the epilogues of cuBLASLt require.
#pragma once
#include <algorithm>
#include <type_traits>

#include "weft/kernels/library/matmul.h"

namespace weft::kernels {

// A batch of column-major matrices. Element (i, j) of matrix p is at p·stride + j·leading + i.
struct ColumnMajor {
  i64 rows = 0, cols = 0, leading = 0, stride = 0;
  bool transposed = false;  // op = transpose
};

struct MatmulLayout {
  ColumnMajor first, second, result;  // the layouts of b, a and c
  i64 batch = 1;
};

inline MatmulLayout layout_of(const MatmulShape& s) {
  const auto stored = [](i64 rows, i64 cols, bool transposed) {
    return ColumnMajor{rows, cols, rows, rows * cols, transposed};
  };
  // A row-major (k, n) is a column-major (n, k). If b is stored as (n, k), it is a column-major
  // (k, n) that cuBLASLt transposes.
  const ColumnMajor first = s.transpose_b ? stored(s.k, s.n, true) : stored(s.n, s.k, false);
  const ColumnMajor second = s.transpose_a ? stored(s.m, s.k, true) : stored(s.k, s.m, false);
  return {first, second, stored(s.n, s.m, false), s.batch};
}

// The part of act(… + bias) that the library computes with the product. add_bias_and_activate()
// computes all activations. cuBLASLt's GELU is the tanh approximation, and weft's GELU is the erf
// form. Its relu turns NaN into 0, which would hide NaN in the weights. It has no silu, tanh and
// sigmoid.
enum class Epilogue { none, bias };
inline Epilogue epilogue_of(bool has_bias, Activation activation) {
  return activation == Activation::none && has_bias ? Epilogue::bias : Epilogue::none;
}

// The alignment of a bias that the library adds, in bytes.
inline constexpr i64 kBiasAlignment = 16;

// One product with its epilogue. No dimension is 0, and bias is null unless the epilogue adds it.
// The library is cuBLASLt or, on the emulated device, its emulation.
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

// The largest power of two up to 256 that divides an address. The library's choice depends on it.
inline i64 alignment_of(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer) | 256u;
  return static_cast<i64>(address & (~address + 1));
}

// The epilogue of a product of type C: epilogue_of(), unless the library is not asked for it, which
// is in double and for a bias that is less aligned.
template <class C>
Epilogue fused_epilogue(const C* bias, Activation activation) {
  const bool fuses = !std::is_same_v<C, double> && alignment_of(bias) >= kBiasAlignment;
  return fuses ? epilogue_of(bias != nullptr, activation) : Epilogue::none;
}

}  // namespace weft::kernels
