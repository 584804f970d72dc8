// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {
namespace {

// y is a sum over elements of x, each with weight `scale`, so dx is scale·dy, repeated.
Variable reduced(const char* op, const Variable& x, Tensor y, double scale) {
  return record(op, std::move(y), edge(x, [scale](const Tensor& dy, Tensor& dx) {
                  broadcast_to(dx, scale == 1.0 ? dy : affine(dy, scale, 0.0));
                }));
}

}  // namespace

Variable sum(const Variable& x) { return reduced("sum", x, sum(x.value()), 1.0); }
Variable sum(const Variable& x, int axis) { return reduced("sum", x, sum(x.value(), axis), 1.0); }
Variable mean(const Variable& x) {
  return reduced("mean", x, mean(x.value()), 1.0 / static_cast<double>(x.value().elements()));
}
Variable mean(const Variable& x, int axis) {
  return reduced("mean", x, mean(x.value(), axis), 1.0 / static_cast<double>(x.shape()[axis]));
}

}  // namespace weft
