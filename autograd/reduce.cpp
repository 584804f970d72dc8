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

}  // namespace

Variable sum(const Variable& x) { return reduced("sum", x, sum(x.value()), 1); }
Variable sum(const Variable& x, int axis) { return reduced("sum", x, sum(x.value(), axis), 1); }
Variable mean(const Variable& x) {
  return reduced("mean", x, mean(x.value()), x.value().elements());
}
Variable mean(const Variable& x, int axis) {
  return reduced("mean", x, mean(x.value(), axis), x.shape()[axis]);
}

}  // namespace weft
