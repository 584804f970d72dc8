// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/elementwise.h"

#include "weft/tensor/broadcast.h"
#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/views.h"

namespace weft {
namespace {

template <class Op>
void unary(Tensor& y, const Tensor& x) {
  check_output(Op::name, y, x.shape(), x);
  visit_compute(Op::name, x.dtype(), [&]<class T>() {
    std::visit([&](auto device) { kernels::unary_forward<Op, T>(device, span<T>(y), span<T>(x)); },
               x.device());
  });
}

template <class Op>
void binary(Tensor& c, const Tensor& a, const Tensor& b) {
  check_same_kind(Op::name, a, b);
  check_output(Op::name, c, broadcast_shapes(Op::name, a.shape(), b.shape()), a);
  const kernels::Broadcast plan = broadcast_of(c.shape(), a.shape(), b.shape());
  visit_compute(Op::name, a.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::binary_forward<Op, T>(device, c.data<T>(), {a.data<T>(), b.data<T>()}, plan);
        },
        a.device());
  });
}

}  // namespace

#define WEFT_DEFINE(op, Op)                                         \
  void op(Tensor& y, const Tensor& x) { unary<kernels::Op>(y, x); } \
  Tensor op(const Tensor& x) {                                      \
    Tensor y = Tensor::empty_like(x);                               \
    op(y, x);                                                       \
    return y;                                                       \
  }
WEFT_UNARY_OPS(WEFT_DEFINE)
#undef WEFT_DEFINE
#define WEFT_DEFINE(op, Op)                                                                        \
  void op(Tensor& c, const Tensor& a, const Tensor& b) { binary<kernels::Op>(c, a, b); }           \
  Tensor op(const Tensor& a, const Tensor& b) {                                                    \
    check_same_kind(kernels::Op::name, a, b);                                                      \
    Tensor c = Tensor::empty(broadcast_shapes(kernels::Op::name, a.shape(), b.shape()), a.dtype(), \
                             a.device());                                                          \
    op(c, a, b);                                                                                   \
    return c;                                                                                      \
  }
WEFT_BINARY_OPS(WEFT_DEFINE)
#undef WEFT_DEFINE

namespace {

void run_affine(const char* op, Tensor& y, const Tensor& x, const kernels::Affine& formula) {
  check_output(op, y, x.shape(), x);
  visit_compute(op, x.dtype(), [&]<class T>() {
    std::visit([&](auto device) { kernels::affine<T>(device, span<T>(y), span<T>(x), formula); },
               x.device());
  });
}

}  // namespace

void affine(Tensor& y, const Tensor& x, double scale, double shift) {
  run_affine("affine", y, x, {.scale = scale, .shift = shift});
}
void div(Tensor& y, const Tensor& x, double divisor) {
  run_affine("div", y, x, {.divisor = divisor});
}

Tensor div(const Tensor& x, double divisor) {
  Tensor y = Tensor::empty_like(x);
  div(y, x, divisor);
  return y;
}

Tensor affine(const Tensor& x, double scale, double shift) {
  Tensor y = Tensor::empty_like(x);
  affine(y, x, scale, shift);
  return y;
}

template <class Op>
void unary_backward(Tensor& dx, const Tensor& dy, const Tensor& kept) {
  check_output(Op::name, dx, dy.shape(), dy);
  visit_compute(Op::name, dy.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::unary_backward<Op, T>(device, span<T>(dx), span<T>(dy), span<T>(kept));
        },
        dy.device());
  });
}

template <class Op>
void binary_backward(Tensor* da, Tensor* db, const Tensor& dc, const Tensor& a, const Tensor& b) {
  const kernels::Broadcast plan = broadcast_of(dc.shape(), a.shape(), b.shape());
  visit_compute(Op::name, dc.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::binary_backward<Op, T>(device, {data_or_null<T>(da), data_or_null<T>(db)},
                                          dc.data<T>(), {a.data<T>(), b.data<T>()}, plan);
        },
        dc.device());
  });
}

#define WEFT_DEFINE(op, Op) \
  template void unary_backward<kernels::Op>(Tensor&, const Tensor&, const Tensor&);
WEFT_UNARY_OPS(WEFT_DEFINE)
#undef WEFT_DEFINE
#define WEFT_DEFINE(op, Op)                                                                  \
  template void binary_backward<kernels::Op>(Tensor*, Tensor*, const Tensor&, const Tensor&, \
                                             const Tensor&);
WEFT_BINARY_OPS(WEFT_DEFINE)
#undef WEFT_DEFINE

}  // namespace weft
