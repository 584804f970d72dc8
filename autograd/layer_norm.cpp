// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {

Variable layer_norm(const Variable& x, const Variable& weight, const Variable& bias, double eps) {
  const Tensor absent;
  const Tensor &X = x.value(), &W = weight.defined() ? weight.value() : absent;
  LayerNorm result = layer_norm(X, W, bias.defined() ? bias.value() : absent, eps);
  return record(
      "layer_norm", std::move(result.y),
      multi_input_edge(std::array{&x, &weight, &bias},
                       [X = X, W = W, mean = std::move(result.mean), rstd = std::move(result.rstd)](
                           const Tensor& dy, std::span<Tensor* const> d) {
                         layer_norm_backward(d[0], d[1], d[2], dy, X, W, mean, rstd);
                       }));
}

}  // namespace weft
