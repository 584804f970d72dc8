// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/normalize.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/views.h"

namespace weft {

Tensor normalize(const Tensor& x, const Tensor& terms) {
  check_same_device("normalize", x, terms);
  WEFT_CHECK(x.dtype() == DType::uint8 || x.dtype() == DType::f32,
             "normalize: x is {}; uint8 or f32 is required", x.dtype());
  const i64 count = x.dtype() == DType::uint8 ? kernels::NormalizeTerms<u8>::kTerms
                                              : kernels::NormalizeTerms<float>::kTerms;
  WEFT_CHECK(
      x.rank() >= 1 && terms.dtype() == DType::f32 && terms.shape() == Shape({count, x.size(-1)}),
      "normalize: x is {} {} and the terms are {} {}; f32 terms ({}, entries of the last "
      "axis) are required",
      x.dtype(), x.shape(), terms.dtype(), terms.shape(), count);
  Tensor y = Tensor::empty(x.shape(), DType::f32, x.device());
  if (x.elements() == 0) return y;
  std::visit(
      [&](auto device) {
        const auto run = [&]<class From>() {
          kernels::normalize<From>(device, rows<float>(y), rows<From>(x), terms.data<float>());
        };
        if (x.dtype() == DType::uint8) run.template operator()<u8>();
        else run.template operator()<float>();
      },
      x.device());
  return y;
}

}  // namespace weft
