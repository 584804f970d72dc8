// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/pointwise_loss.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/views.h"

namespace weft {
namespace {

double scale_of(Reduction reduction, i64 elements) {
  return reduction == Reduction::mean ? 1.0 / static_cast<double>(elements) : 1.0;
}

}  // namespace

template <class Op>
Tensor pointwise_loss(const Tensor& x, const Tensor& target, double parameter,
                      Reduction reduction) {
  check_same_kind(Op::name, x, target);
  WEFT_CHECK(x.shape() == target.shape(), "{}: x is {} and target {}; the shapes must be equal",
             Op::name, x.shape(), target.shape());
  WEFT_CHECK(reduction != Reduction::mean || x.elements() > 0,
             "{}: x is {}; at least one element is required for a mean", Op::name, x.shape());
  const bool each = reduction == Reduction::none;
  Tensor loss = Tensor::empty(each ? x.shape() : Shape{}, x.dtype(), x.device());
  visit_compute(Op::name, x.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          if (each)
            kernels::pointwise_loss_each<Op, T>(device, span<T>(loss), span<T>(x), span<T>(target),
                                                parameter);
          else
            kernels::pointwise_loss_total<Op, T>(device, loss.data<T>(), span<T>(x),
                                                 span<T>(target), parameter,
                                                 scale_of(reduction, x.elements()));
        },
        x.device());
  });
  return loss;
}

template <class Op>
void pointwise_loss_backward(Tensor& dx, const Tensor& dloss, const Tensor& x, const Tensor& target,
                             double parameter, Reduction reduction) {
  visit_compute(Op::name, x.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::pointwise_loss_backward<Op, T>(
              device, span<T>(dx),
              {.dloss = dloss.data<T>(), .per_element = reduction == Reduction::none}, span<T>(x),
              span<T>(target), parameter, scale_of(reduction, x.elements()));
        },
        x.device());
  });
}

#define WEFT_DEFINE(op, Op)                                                                     \
  template Tensor pointwise_loss<kernels::Op>(const Tensor&, const Tensor&, double, Reduction); \
  template void pointwise_loss_backward<kernels::Op>(Tensor&, const Tensor&, const Tensor&,     \
                                                     const Tensor&, double, Reduction);
WEFT_POINTWISE_LOSSES(WEFT_DEFINE)
#undef WEFT_DEFINE

}  // namespace weft
