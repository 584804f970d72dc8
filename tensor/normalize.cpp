// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/normalize.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/views.h"

namespace weft {

Tensor normalize(const Tensor& x, const Tensor& factor, const Tensor& offset) {
  check_same_kind("normalize", factor, offset);
  check_same_device("normalize", x, factor);
  const i64 channels = factor.elements();
  WEFT_CHECK(
      x.rank() >= 1 && x.size(-1) == channels && offset.elements() == channels,
      "normalize: x is {} and there are {} factors; one per entry of the last axis is required",
      x.shape(), channels);
  WEFT_CHECK(x.dtype() == DType::uint8 || x.dtype() == DType::f32,
             "normalize: x is {}; uint8 or f32 is required", x.dtype());
  Tensor y = Tensor::empty(x.shape(), DType::f32, x.device());
  if (x.elements() == 0) return y;
  std::visit(
      [&](auto device) {
        const auto run = [&]<class From>() {
          kernels::normalize<From>(device, rows<float>(y), rows<From>(x), factor.data<float>(),
                                   offset.data<float>());
        };
        if (x.dtype() == DType::uint8) run.template operator()<u8>();
        else run.template operator()<float>();
      },
      x.device());
  return y;
}

}  // namespace weft
