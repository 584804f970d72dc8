// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/parametric.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/views.h"

namespace weft {
namespace {

template <class Op>
Tensor parametric(const Tensor& x, kernels::Parameters parameters) {
  Tensor y = Tensor::empty_like(x);
  visit_compute(Op::name, x.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::parametric_forward<Op, T>(device, span<T>(y), span<T>(x), parameters);
        },
        x.device());
  });
  return y;
}

template <class Op>
void parametric_backward(Tensor& dx, const Tensor& dy, const Tensor& x,
                         kernels::Parameters parameters) {
  check_output(Op::name, dx, dy.shape(), x);
  visit_compute(Op::name, dy.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::parametric_backward<Op, T>(device, span<T>(dx), span<T>(dy), span<T>(x),
                                              parameters);
        },
        dy.device());
  });
}

}  // namespace

Tensor clamp(const Tensor& x, double low, double high) {
  WEFT_CHECK(low <= high, "clamp: low is {} and high is {}; low must not be above high", low, high);
  return parametric<kernels::Clamp>(x, {low, high});
}
void clamp_backward(Tensor& dx, const Tensor& dy, const Tensor& x, double low, double high) {
  parametric_backward<kernels::Clamp>(dx, dy, x, {low, high});
}

Tensor pow(const Tensor& x, double exponent) {
  return parametric<kernels::Pow>(x, {.p = exponent});
}
void pow_backward(Tensor& dx, const Tensor& dy, const Tensor& x, double exponent) {
  parametric_backward<kernels::Pow>(dx, dy, x, {.p = exponent});
}

}  // namespace weft
