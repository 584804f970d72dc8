// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {

Variable max_pool2d(const Variable& x, const Pool2dOptions& options) {
  const bool wants_index = grad_enabled() && x.requires_grad();
  MaxPool2dResult result = max_pool2d_with_index(x.value(), options, wants_index);
  return record("max_pool2d", std::move(result.y),
                edge(x, [index = std::move(result.index), options](const Tensor& dy, Tensor& dx) {
                  max_pool2d_backward(dx, dy, index, options);
                }));
}

Variable avg_pool2d(const Variable& x, const Pool2dOptions& options) {
  return record(
      "avg_pool2d", avg_pool2d(x.value(), options),
      edge(x, [options](const Tensor& dy, Tensor& dx) { avg_pool2d_backward(dx, dy, options); }));
}

Variable global_avg_pool(const Variable& x) {
  return record("global_avg_pool", global_avg_pool(x.value()),
                edge(x, [](const Tensor& dy, Tensor& dx) { global_avg_pool_backward(dx, dy); }));
}

}  // namespace weft
