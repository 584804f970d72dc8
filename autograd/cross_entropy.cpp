// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {

Variable cross_entropy(const Variable& logits, const Tensor& labels, double label_smoothing) {
  const Tensor& X = logits.value();
  CrossEntropy result = cross_entropy(X, labels, label_smoothing);
  return record("cross_entropy", std::move(result.loss),
                edge(logits, [X, labels, lse = std::move(result.log_sum_exp), label_smoothing](
                                 const Tensor& dloss, Tensor& dX) {
                  cross_entropy_backward(dX, dloss, X, lse, labels, label_smoothing);
                }));
}

double cross_entropy_weight(const Tensor& labels, const CrossEntropyOptions& options) {
  if (options.class_weights.empty() && !options.ignore_index)
    return static_cast<double>(labels.size(0));
  double weight = 0;
  const i64 classes = static_cast<i64>(options.class_weights.size());
  for (const i64 label : labels.to_vector<i64>()) {
    if (options.ignore_index && label == *options.ignore_index) continue;
    if (classes == 0) weight += 1;
    else if (label >= 0 && label < classes)
      weight += options.class_weights[static_cast<std::size_t>(label)];
  }
  return weight;
}

// −Σ target·ln softmax(logits), with the weights in the target: one constant matrix.
Variable cross_entropy(const Variable& logits, const Tensor& labels,
                       const CrossEntropyOptions& options) {
  if (options.class_weights.empty() && !options.ignore_index)
    return cross_entropy(logits, labels, options.label_smoothing);
  const Tensor& X = logits.value();
  WEFT_CHECK(
      X.rank() == 2 && labels.shape() == Shape{X.size(0)} && labels.dtype() == DType::int64,
      "cross_entropy: logits are {} and labels {} {}; logits (rows, classes) and int64 labels "
      "(rows) are required",
      X.shape(), labels.dtype(), labels.shape());
  const i64 rows = X.size(0), cols = X.size(1);
  const auto& weights = options.class_weights;
  WEFT_CHECK(weights.empty() || static_cast<i64>(weights.size()) == cols,
             "cross_entropy: {} class weights and {} classes; one weight per class is required",
             weights.size(), cols);
  WEFT_CHECK(options.label_smoothing >= 0 && options.label_smoothing < 1,
             "cross_entropy: label_smoothing is {}; it must be in [0, 1)", options.label_smoothing);
  const double total = cross_entropy_weight(labels, options);
  const double scale = total > 0 ? 1 / total : 0;
  const double spread = options.label_smoothing / static_cast<double>(cols);
  std::vector<double> target(static_cast<std::size_t>(rows * cols), 0.0);
  const auto weight = [&](i64 c) {
    return weights.empty() ? 1.0 : weights[static_cast<std::size_t>(c)];
  };
  const std::vector<i64> classes = labels.to_vector<i64>();
  for (i64 r = 0; r < rows; ++r) {
    const i64 label = classes[static_cast<std::size_t>(r)];
    if (options.ignore_index && label == *options.ignore_index) continue;
    WEFT_CHECK(label >= 0 && label < cols,
               "cross_entropy: label {} in row {}; labels must be in 0..{}", label, r, cols - 1);
    double* row = &target[static_cast<std::size_t>(r * cols)];
    if (spread > 0)
      for (i64 c = 0; c < cols; ++c) row[c] = spread * weight(c) * scale;
    row[label] += (1 - options.label_smoothing) * weight(label) * scale;
  }
  const Tensor T = Tensor::copy_of(target, {rows, cols}).to(X.dtype()).to(X.device());
  return neg(sum(mul(log_softmax(logits), Variable(T))));
}

}  // namespace weft
