// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {

Variable index_select(const Variable& x, int axis, const Tensor& index) {
  return record("index_select", index_select(x.value(), axis, index),
                edge(x, [axis, index = index](const Tensor& dy, Tensor& dx) {
                  index_select_backward(dx, dy, axis, index);
                }));
}

Variable gather(const Variable& x, int axis, const Tensor& index) {
  return record("gather", gather(x.value(), axis, index),
                edge(x, [axis, index = index](const Tensor& dy, Tensor& dx) {
                  gather_backward(dx, dy, axis, index);
                }));
}

}  // namespace weft
