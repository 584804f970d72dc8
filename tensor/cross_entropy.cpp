// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/cross_entropy.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"

namespace weft {

CrossEntropy cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing) {
  WEFT_CHECK(
      logits.rank() == 2 && labels.shape() == Shape{logits.size(0)} &&
          labels.dtype() == DType::int64,
      "cross_entropy: logits are {} and labels {} {}; logits (rows, classes) and int64 labels (rows) are "
      "required",
      logits.shape(), labels.dtype(), labels.shape());
  check_same_device("cross_entropy", logits, labels);
  WEFT_CHECK(logits.size(0) > 0 && logits.size(1) > 0,
             "cross_entropy: logits are {}; at least one row and one class "
             "are required",
             logits.shape());
  WEFT_CHECK(label_smoothing >= 0 && label_smoothing < 1,
             "cross_entropy: label_smoothing is {}; it must be in [0, 1)", label_smoothing);
  const i64 rows = logits.size(0), cols = logits.size(1);
  Tensor losses = Tensor::empty({rows}, logits.dtype(), logits.device());
  CrossEntropy result{Tensor(), Tensor::empty_like(losses)};
  const Tensor bad_row = Tensor::empty({}, DType::int64, logits.device());
  visit_compute("cross_entropy", logits.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::cross_entropy_forward(device, losses.data<T>(), result.log_sum_exp.data<T>(),
                                         bad_row.data<i64>(), logits.data<T>(), labels.data<i64>(),
                                         label_smoothing, rows, cols);
        },
        logits.device());
  });
  // Free to look at on the CPU; elsewhere the NaN loss tells.
  if (std::holds_alternative<Cpu>(logits.device())) {
    const i64 bad = bad_row.values<i64>()[0];
    WEFT_CHECK(bad < 0, "cross_entropy: label {} in row {}; labels must be in 0..{}",
               labels.values<i64>()[static_cast<std::size_t>(bad)], bad, cols - 1);
  }
  result.loss = mean(losses);
  return result;
}

void cross_entropy_backward(Tensor& dlogits, const Tensor& dloss, const Tensor& logits,
                            const Tensor& log_sum_exp, const Tensor& labels,
                            double label_smoothing) {
  check_output("cross_entropy", dlogits, logits.shape(), logits);
  const i64 rows = logits.size(0), cols = logits.size(1);
  visit_compute("cross_entropy", logits.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::cross_entropy_backward(device, dlogits.data<T>(), logits.data<T>(),
                                          log_sum_exp.data<T>(), labels.data<i64>(),
                                          dloss.data<T>(), 1.0 / static_cast<double>(rows),
                                          label_smoothing, rows, cols);
        },
        logits.device());
  });
}

}  // namespace weft
