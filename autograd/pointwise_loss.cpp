// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {
namespace {

// The first three losses depend on x − t, so the gradient of t is the negative of that of x.
template <class Op>
void target_gradient(Tensor& dt, const Tensor& dloss, const Tensor& x, const Tensor& t,
                     double parameter, Reduction reduction) {
  pointwise_loss_backward<Op>(dt, dloss, x, t, parameter, reduction);
  neg(dt, dt);
}
// The binary cross-entropy has the term −x·t. In f64 the product is in range before it is divided.
template <>
void target_gradient<kernels::BceWithLogits>(Tensor& dt, const Tensor& dloss, const Tensor& x,
                                             const Tensor&, double, Reduction reduction) {
  if (reduction == Reduction::mean) {
    const Tensor share = div(dloss.to(DType::f64), -static_cast<double>(x.elements()));
    dt.copy_from(mul(x.to(DType::f64), share).to(dt.dtype()));
  } else {
    mul(dt, x, dloss);
    neg(dt, dt);
  }
}

template <class Op>
Variable loss(const Variable& x, const Variable& target, double parameter, Reduction reduction) {
  const Tensor &X = x.value(), &T = target.value();
  return record(
      Op::name, pointwise_loss<Op>(X, T, parameter, reduction),
      edge(target,
           [X = X, T = T, parameter, reduction](const Tensor& dloss, Tensor& dt) {
             target_gradient<Op>(dt, dloss, X, T, parameter, reduction);
           }),
      in_place_edge(x, [X = X, T = T, parameter, reduction](const Tensor& dloss, Tensor& dx) {
        pointwise_loss_backward<Op>(dx, dloss, X, T, parameter, reduction);
      }));
}

}  // namespace

Variable mse(const Variable& x, const Variable& target, Reduction reduction) {
  return loss<kernels::Mse>(x, target, 0, reduction);
}
Variable l1(const Variable& x, const Variable& target, Reduction reduction) {
  return loss<kernels::L1>(x, target, 0, reduction);
}
Variable huber(const Variable& x, const Variable& target, double delta, Reduction reduction) {
  WEFT_CHECK(delta > 0, "huber: delta is {}; it must be positive", delta);
  return loss<kernels::Huber>(x, target, delta, reduction);
}
Variable bce_with_logits(const Variable& x, const Variable& target, Reduction reduction) {
  return loss<kernels::BceWithLogits>(x, target, 0, reduction);
}

}  // namespace weft
