// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {
namespace {

template <class Op>
Variable unary(const Variable& x, Tensor y) {
  Tensor kept = Op::keeps == kernels::Keeps::input ? x.value() : y;
  return record(Op::name, std::move(y),
                in_place_edge(x, [kept = std::move(kept)](const Tensor& dy, Tensor& dx) {
                  unary_backward<Op>(dx, dy, kept);
                }));
}

template <class Op>
Variable binary(const Variable& a, const Variable& b, Tensor c) {
  const Tensor &A = a.value(), &B = b.value();
  return record(Op::name, std::move(c),
                edge(a,
                     [A = A, B = B](const Tensor& dC, Tensor& dA) {
                       Tensor full = dA.shape() == dC.shape() ? dA : Tensor::empty_like(dC);
                       binary_backward<Op>(&full, nullptr, dC, A, B);
                       if (!full.shares_storage_with(dA)) sum_to(dA, full);
                     }),
                edge(b, [A = A, B = B](const Tensor& dC, Tensor& dB) {
                  Tensor full = dB.shape() == dC.shape() ? dB : Tensor::empty_like(dC);
                  binary_backward<Op>(nullptr, &full, dC, A, B);
                  if (!full.shares_storage_with(dB)) sum_to(dB, full);
                }));
}

// Records a sum. The gradient of each input is that of the output, summed over broadcast axes.
template <class Record>
Variable sum_like(const char* op, const Variable& a, const Variable& b, Tensor c,
                  const Record& edge_b) {
  const auto edge_a = [](const Tensor& dC, Tensor& dA) { sum_to(dA, dC); };
  if (a.shape() == c.shape()) return record(op, std::move(c), identity_edge(a), edge_b(b));
  return record(op, std::move(c), edge(a, edge_a), edge_b(b));
}

}  // namespace

#define WEFT_DEFINE(op, Op) \
  Variable op(const Variable& x) { return unary<kernels::Op>(x, op(x.value())); }
WEFT_UNARY_OPS(WEFT_DEFINE)
#undef WEFT_DEFINE

#define WEFT_DEFINE(op, Op)                                     \
  Variable op(const Variable& a, const Variable& b) {           \
    return binary<kernels::Op>(a, b, op(a.value(), b.value())); \
  }
WEFT_DEFINE(mul, Mul)
WEFT_DEFINE(div, Div)
WEFT_DEFINE(maximum, Maximum)
WEFT_DEFINE(minimum, Minimum)
#undef WEFT_DEFINE

// add and sub keep no tensor: the gradients of their inputs are dC and its negative.
Variable add(const Variable& a, const Variable& b) {
  Tensor c = add(a.value(), b.value());
  if (b.shape() == c.shape())
    return sum_like("add", a, b, std::move(c), [](const Variable& x) { return identity_edge(x); });
  return sum_like("add", a, b, std::move(c), [](const Variable& x) {
    return edge(x, [](const Tensor& dC, Tensor& dB) { sum_to(dB, dC); });
  });
}

Variable sub(const Variable& a, const Variable& b) {
  return sum_like("sub", a, b, sub(a.value(), b.value()), [](const Variable& x) {
    return edge(x, [](const Tensor& dC, Tensor& dB) {
      sum_to(dB, dC);
      affine(dB, dB, -1.0, 0.0);
    });
  });
}

Variable div(const Variable& x, double divisor) {
  return record(
      "div", div(x.value(), divisor),
      in_place_edge(x, [divisor](const Tensor& dy, Tensor& dx) { div(dx, dy, divisor); }));
}

Variable affine(const Variable& x, double scale, double shift) {
  return record(
      "affine", affine(x.value(), scale, shift),
      in_place_edge(x, [scale](const Tensor& dy, Tensor& dx) { affine(dx, dy, scale, 0.0); }));
}

}  // namespace weft
