// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {

Variable clamp(const Variable& x, double low, double high) {
  const Tensor& X = x.value();
  return record("clamp", clamp(X, low, high),
                in_place_edge(x, [X = X, low, high](const Tensor& dy, Tensor& dx) {
                  clamp_backward(dx, dy, X, low, high);
                }));
}

Variable pow(const Variable& x, double exponent) {
  const Tensor& X = x.value();
  return record("pow", pow(X, exponent),
                in_place_edge(x, [X = X, exponent](const Tensor& dy, Tensor& dx) {
                  pow_backward(dx, dy, X, exponent);
                }));
}

}  // namespace weft
