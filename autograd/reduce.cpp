// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {
namespace {

// y is a sum over elements of x, divided by `divisor`, so dx is dy/divisor, repeated.
Variable reduced(const char* op, const Variable& x, Tensor y, i64 divisor) {
  return record(op, std::move(y), edge(x, [divisor](const Tensor& dy, Tensor& dx) {
                  broadcast_to(dx, divisor == 1 ? dy : div(dy, static_cast<double>(divisor)));
                }));
}

// The shape of a reduction of x over axes that stay with size 1.
Shape kept_shape(const Variable& x, std::initializer_list<int> axes) {
  Shape kept = x.shape();
  for (const int axis : axes) kept = kept.with(axis, 1);
  return kept;
}

Variable reduced_axes(const char* op, const Variable& x, Tensor y, const Shape& kept, i64 divisor) {
  return record(op, std::move(y), edge(x, [kept, divisor](const Tensor& dy, Tensor& dx) {
                  const Tensor share = dy.reshape(kept);
                  broadcast_to(dx, divisor == 1 ? share : div(share, static_cast<double>(divisor)));
                }));
}

// y is an element of X for each result. Of equal ones each gets the same share.
Variable extreme_of_axes(const char* op, const Variable& x, const Tensor& y, const Shape& kept) {
  const Tensor& X = x.value();
  return record(op, y, edge(x, [X = X, y = y, kept](const Tensor& dy, Tensor& dx) {
                  const Tensor ties = eq(X, y.reshape(kept)).to(X.dtype());
                  Tensor count = Tensor::empty(kept, X.dtype(), X.device());
                  sum_to(count, ties);
                  mul(dx, ties, div(dy.reshape(kept), count));
                }));
}

}  // namespace

Variable sum(const Variable& x) { return reduced("sum", x, sum(x.value()), 1); }
Variable sum(const Variable& x, int axis) { return reduced("sum", x, sum(x.value(), axis), 1); }
Variable mean(const Variable& x) {
  return reduced("mean", x, mean(x.value()), x.value().elements());
}
Variable mean(const Variable& x, int axis) {
  return reduced("mean", x, mean(x.value(), axis), x.shape()[axis]);
}

Variable sum(const Variable& x, std::initializer_list<int> axes, bool keepdim) {
  Tensor y = sum(x.value(), axes, keepdim);
  return reduced_axes("sum", x, std::move(y), kept_shape(x, axes), 1);
}
Variable mean(const Variable& x, std::initializer_list<int> axes, bool keepdim) {
  Tensor y = mean(x.value(), axes, keepdim);
  i64 elements = 1;
  for (const int axis : axes) elements *= x.shape()[axis];
  return reduced_axes("mean", x, std::move(y), kept_shape(x, axes), elements);
}

Variable var(const Variable& x, std::initializer_list<int> axes, const VarOptions& options) {
  const Tensor& X = x.value();
  Tensor y = var(X, axes, options);
  const Tensor center = mean(X, axes);
  i64 elements = 1;
  for (const int axis : axes) elements *= x.shape()[axis];
  const double scale = 2.0 / static_cast<double>(elements - options.correction);
  return record("var", std::move(y),
                edge(x, [X = X, center = center, scale](const Tensor& dy, Tensor& dx) {
                  sub(dx, X, center);
                  mul(dx, dx, affine(dy.reshape(center.shape()), scale, 0.0));
                }));
}

Variable amax(const Variable& x, std::initializer_list<int> axes, bool keepdim) {
  const Tensor y = amax(x.value(), axes, keepdim);
  return extreme_of_axes("amax", x, y, kept_shape(x, axes));
}
Variable amin(const Variable& x, std::initializer_list<int> axes, bool keepdim) {
  const Tensor y = amin(x.value(), axes, keepdim);
  return extreme_of_axes("amin", x, y, kept_shape(x, axes));
}

}  // namespace weft
