// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {

Variable softmax(const Variable& x) {
  Tensor y = softmax(x.value());
  return record("softmax", y, in_place_edge(x, [y](const Tensor& dy, Tensor& dx) {
                  softmax_backward(dx, dy, y);
                }));
}

Variable log_softmax(const Variable& x) {
  Tensor y = log_softmax(x.value());
  return record("log_softmax", y, in_place_edge(x, [y](const Tensor& dy, Tensor& dx) {
                  log_softmax_backward(dx, dy, y);
                }));
}

}  // namespace weft
