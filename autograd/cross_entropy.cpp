// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {

Variable cross_entropy(const Variable& logits, const Tensor& labels,
                       const CrossEntropyOptions& options) {
  const Tensor& X = logits.value();
  CrossEntropy result = cross_entropy(X, labels, options);
  return record(
      "cross_entropy", std::move(result.loss),
      edge(logits, [X, labels, sums = std::move(result.log_sums), share = std::move(result.share),
                    options](const Tensor& dloss, Tensor& dX) {
        cross_entropy_backward(dX, dloss, X, sums, share, labels, options);
      }));
}
Variable cross_entropy(const Variable& logits, const Tensor& labels, double label_smoothing) {
  return cross_entropy(logits, labels, CrossEntropyOptions{.label_smoothing = label_smoothing});
}

}  // namespace weft
