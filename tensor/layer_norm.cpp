// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/layer_norm.h"

#include "weft/tensor/check.h"
#include "weft/tensor/data_or_null.h"
#include "weft/tensor/ops.h"

namespace weft {

LayerNorm layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  WEFT_CHECK(x.defined() && x.rank() >= 1 && x.size(-1) >= 1,
             "layer_norm: x is {}; a last axis of at least one element is required", x.shape());
  WEFT_CHECK(weight.defined() == bias.defined(),
             "layer_norm: one of weight and bias is undefined; both or neither are required");
  for (const Tensor* parameter : {&weight, &bias}) {
    if (!parameter->defined()) continue;
    check_same_kind("layer_norm", x, *parameter);
    WEFT_CHECK(parameter->shape() == Shape{x.size(-1)},
               "layer_norm: x is {} and a parameter {}; weight and bias must be ({})", x.shape(),
               parameter->shape(), x.size(-1));
  }
  const i64 cols = x.size(-1), rows = x.elements() / cols;
  LayerNorm result{Tensor::empty_like(x), Tensor::empty({rows}, x.dtype(), x.device()),
                   Tensor::empty({rows}, x.dtype(), x.device())};
  visit_compute("layer_norm", x.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::layer_norm_forward(device, result.y.data<T>(), result.mean.data<T>(),
                                      result.rstd.data<T>(), x.data<T>(), data_or_null<T>(weight),
                                      data_or_null<T>(bias), eps, rows, cols);
        },
        x.device());
  });
  return result;
}

void layer_norm_backward(Tensor* dx, Tensor* dweight, Tensor* dbias, const Tensor& dy,
                         const Tensor& x, const Tensor& weight, const Tensor& mean,
                         const Tensor& rstd) {
  const i64 cols = x.size(-1), rows = x.elements() / cols;
  visit_compute("layer_norm", x.dtype(), [&]<class T>() {
    const auto data = [](Tensor* t) { return t != nullptr ? t->data<T>() : nullptr; };
    std::visit(
        [&](auto device) {
          kernels::layer_norm_backward(device, data(dx), data(dweight), data(dbias), dy.data<T>(),
                                       x.data<T>(), data_or_null<T>(weight), mean.data<T>(),
                                       rstd.data<T>(), rows, cols);
        },
        x.device());
  });
}

}  // namespace weft
