// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <utility>

#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {

Variable cross_entropy(const Variable& logits, const Tensor& target,
                       const CrossEntropyOptions& options) {
  if (is_floating(target.dtype())) return cross_entropy(logits, Variable(target), options);
  const Tensor& X = logits.value();
  CrossEntropy result = cross_entropy(X, target, options);
  return record(
      "cross_entropy", std::move(result.loss),
      edge(logits, [X = X, target = target, sums = std::move(result.log_sums),
                    share = std::move(result.share), options](const Tensor& dloss, Tensor& dX) {
        cross_entropy_backward(dX, dloss, X, sums, share, target, options);
      }));
}
Variable cross_entropy(const Variable& logits, const Variable& target,
                       const CrossEntropyOptions& options) {
  if (!is_floating(target.dtype())) return cross_entropy(logits, target.value(), options);
  const Tensor &X = logits.value(), &Y = target.value();
  SoftCrossEntropy result = soft_cross_entropy(X, Y, options);
  Tensor loss = std::exchange(result.loss, {});
  return record("cross_entropy", std::move(loss),
                multi_input_edge(std::array{&logits, &target},
                                 [X = X, Y = Y, saved = std::move(result), options](
                                     const Tensor& dloss, std::span<Tensor* const> d) {
                                   soft_cross_entropy_backward(d[0], d[1], dloss, X, Y, saved,
                                                               options);
                                 }));
}
Variable cross_entropy(const Variable& logits, const Tensor& labels, double label_smoothing) {
  return cross_entropy(logits, labels, CrossEntropyOptions{.label_smoothing = label_smoothing});
}

}  // namespace weft
