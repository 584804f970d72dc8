// SPDX-License-Identifier: Apache-2.0
// The types that products (matmul, linear, conv2d) multiply and give. f32 and f64 give their own
// type. Half types give f32, because a sum of many products needs more digits than a half type has.
#pragma once
#include "weft/tensor/tensor.h"

namespace weft {

inline DType product_dtype(DType dtype) {
  return dtype == DType::f16 || dtype == DType::bf16 ? DType::f32 : dtype;
}

// Calls f with the type T that is multiplied and the type C of the result:
//   visit_product("matmul", a.dtype(), [&]<class T, class C>() { ... });
// Throws UserError for a dtype that products do not take.
template <class F>
void visit_product(const char* op, DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32: return f.template operator()<float, float>();
    case DType::f64: return f.template operator()<double, double>();
    case DType::f16: return f.template operator()<half, float>();
    case DType::bf16: return f.template operator()<bfloat16, float>();
    default: fail("{}: dtype {} given; f32, f64, f16 or bf16 is required", op, name_of(dtype));
  }
}

// Checks the result of a product, or a bias that is added to it: `tensor` must have this shape, the
// dtype that products of `factor` give, and the device of `factor`.
inline void check_product(const char* op, const char* name, const Tensor& tensor,
                          const Shape& shape, const Tensor& factor) {
  const DType dtype = product_dtype(factor.dtype());
  WEFT_CHECK(tensor.shape() == shape && tensor.dtype() == dtype,
             "{}: {} is {} {}; {} {} is required", op, name, tensor.dtype(), tensor.shape(), dtype,
             shape);
  WEFT_CHECK(tensor.device() == factor.device(), "{}: {} is on {}; {} is required", op, name,
             name_of(tensor.device()), name_of(factor.device()));
}

// How a product of inputs of any ranks becomes one of matrices or batches of them: each input is
// viewed as `a`, repeated to `a_full`, and the product of the two is viewed as `result`.
struct ProductShapes {
  Shape a, a_full, b, b_full, result;
};
// Throws UserError unless the inner sizes are equal and the leading axes broadcast. A vector cannot
// be transposed.
ProductShapes product_shapes(const Shape& a, bool transpose_a, const Shape& b, bool transpose_b);

}  // namespace weft
