// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {
namespace {

template <class Op>
Variable loss(const Variable& x, const Tensor& target, double parameter, Reduction reduction) {
  const Tensor& X = x.value();
  return record(
      Op::name, pointwise_loss<Op>(X, target, parameter, reduction),
      in_place_edge(x, [X, target, parameter, reduction](const Tensor& dloss, Tensor& dx) {
        pointwise_loss_backward<Op>(dx, dloss, X, target, parameter, reduction);
      }));
}

}  // namespace

Variable mse(const Variable& x, const Tensor& target, Reduction reduction) {
  return loss<kernels::Mse>(x, target, 0, reduction);
}
Variable l1(const Variable& x, const Tensor& target, Reduction reduction) {
  return loss<kernels::L1>(x, target, 0, reduction);
}
Variable huber(const Variable& x, const Tensor& target, double delta, Reduction reduction) {
  WEFT_CHECK(delta > 0, "huber: delta is {}; it must be positive", delta);
  return loss<kernels::Huber>(x, target, delta, reduction);
}
Variable bce_with_logits(const Variable& x, const Tensor& target, Reduction reduction) {
  return loss<kernels::BceWithLogits>(x, target, 0, reduction);
}

}  // namespace weft
