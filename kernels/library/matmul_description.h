// SPDX-License-Identifier: Apache-2.0
// What weft asks cuBLASLt for, as a plain struct, and the documented rules that it must satisfy.
// matmul_cuda.cpp turns a description into cuBLASLt's descriptors and decides nothing itself.
// cuBLASLt answers only where a GPU is, but a description can be checked everywhere.
//
// sources: cuBLAS 13 documentation, cublasLtMatmul(), table "When A, B, C, and D are Regular
// Column- or Row-major Matrices", and the parameter `workspace`; cublasSetWorkspace(), recommended
// sizes; comments of the attributes in cublasLt.h, which are named at each rule.
#pragma once
#include <limits>
#include <string>

#include "weft/kernels/common/half.h"
#include "weft/kernels/library/matmul_layout.h"

namespace weft::kernels {

enum class Element { f16, bf16, f32, f64 };
template <class T>
inline constexpr Element element_of = std::is_same_v<T, double>  ? Element::f64
                                      : std::is_same_v<T, float> ? Element::f32
                                      : std::is_same_v<T, half>  ? Element::f16
                                                                 : Element::bf16;
inline i64 bytes_of(Element type) {
  return type == Element::f64 ? 8 : type == Element::f32 ? 4 : 2;
}

// CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32 and CUBLAS_COMPUTE_64F.
enum class ComputeIn { f32, tf32, f64 };

struct ProductTypes {
  Element operands = Element::f32, result = Element::f32, bias = Element::f32;
  Element scale = Element::f32;  // of alpha and beta
  ComputeIn compute = ComputeIn::f32;
};

// Bytes, as in alignment_of(). `bias` is 0 if there is none.
struct ProductAlignment {
  i64 first = 0, second = 0, result = 0, bias = 0;
};

struct ProductDescription {
  ProductTypes types;
  MatmulLayout layout;
  ProductAlignment alignment;
  Epilogue epilogue = Epilogue::none;
  i64 bias_elements = 0;
};

// 32 MiB is what cublasSetWorkspace() recommends for Hopper and for Blackwell; other GPUs need 4.
inline constexpr i64 kWorkspaceBytes = i64{32} << 20;
// "The workspace pointer must be aligned to at least a multiple of 256 bytes" (cublasLtMatmul).
inline constexpr i64 kWorkspaceAlignment = 256;

// f32 is multiplied in f32, because TF32 would give other losses than the CPU, unless `allow_tf32`.
template <class T, class C>
ProductDescription describe(const MatmulRequest<T, C>& r, bool allow_tf32 = false) {
  constexpr bool is_double = std::is_same_v<T, double>;
  const bool has_bias = r.epilogue == Epilogue::bias;
  return {.types = {.operands = element_of<T>,
                    .result = element_of<C>,
                    .bias = element_of<C>,
                    .scale = is_double ? Element::f64 : Element::f32,
                    .compute = is_double                                ? ComputeIn::f64
                               : std::is_same_v<T, float> && allow_tf32 ? ComputeIn::tf32
                                                                        : ComputeIn::f32},
          .layout = layout_of(r.shape),
          .alignment = {.first = alignment_of(r.b),
                        .second = alignment_of(r.a),
                        .result = alignment_of(r.c),
                        .bias = has_bias && r.bias != nullptr ? alignment_of(r.bias) : 0},
          .epilogue = r.epilogue,
          .bias_elements = has_bias ? r.shape.n : 0};
}

// Returns the first rule that a description violates, as a sentence, or nothing.
std::string violated_rule(const ProductDescription& d);

}  // namespace weft::kernels
