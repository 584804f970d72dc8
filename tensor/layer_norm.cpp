// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/layer_norm.h"

#include "weft/tensor/check.h"
#include "weft/tensor/check_eps.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/views.h"

namespace weft {

LayerNorm layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  WEFT_CHECK(x.defined() && x.rank() >= 1 && x.size(-1) >= 1,
             "layer_norm: x is {}; a last axis of at least one element is required", x.shape());
  check_eps("layer_norm", eps);
  WEFT_CHECK(weight.defined() == bias.defined(),
             "layer_norm: one of weight and bias is undefined; both or neither are required");
  for (const Tensor* parameter : {&weight, &bias}) {
    if (!parameter->defined()) continue;
    check_same_kind("layer_norm", x, *parameter);
    WEFT_CHECK(parameter->shape() == Shape{x.size(-1)},
               "layer_norm: x is {} and a parameter {}; weight and bias must be ({})", x.shape(),
               parameter->shape(), x.size(-1));
  }
  const i64 row_count = x.elements() / x.size(-1);
  LayerNorm result{Tensor::empty_like(x), Tensor::empty({row_count}, DType::f64, x.device()),
                   Tensor::empty({row_count}, x.dtype(), x.device())};
  visit_compute("layer_norm", x.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::layer_norm_forward<T>(
              device, rows<T>(result.y), {result.mean.data<double>(), result.rstd.data<T>()},
              rows<T>(x), {.weight = data_or_null<T>(weight), .bias = data_or_null<T>(bias)}, eps);
        },
        x.device());
  });
  return result;
}

void layer_norm_backward(Tensor* dx, Tensor* dweight, Tensor* dbias, const Tensor& dy,
                         const Tensor& x, const Tensor& weight, const Tensor& mean,
                         const Tensor& rstd) {
  visit_compute("layer_norm", x.dtype(), [&]<class T>() {
    const kernels::LayerNormGradients<T> out{.dx = data_or_null<T>(dx),
                                             .dweight = data_or_null<T>(dweight),
                                             .dbias = data_or_null<T>(dbias)};
    std::visit(
        [&](auto device) {
          kernels::layer_norm_backward<T>(device, out, rows<T>(dy), rows<T>(x),
                                          data_or_null<T>(weight),
                                          {mean.data<double>(), rstd.data<T>()});
        },
        x.device());
  });
}

}  // namespace weft
