// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/count_top_k.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/views.h"

namespace weft {

void count_top_k(Tensor& count, const Tensor& scores, const Tensor& labels, i64 k) {
  WEFT_CHECK(
      scores.rank() == 2 && labels.shape() == Shape{scores.size(0)} &&
          labels.dtype() == DType::int64,
      "count_top_k: scores are {} and labels {} {}; scores (rows, classes) and int64 labels (rows) are required",
      scores.shape(), labels.dtype(), labels.shape());
  WEFT_CHECK(
      k >= 1 && count.shape() == Shape{} && count.dtype() == DType::int64,
      "count_top_k: k is {} and count {} {}; k of at least 1 and an int64 scalar are required", k,
      count.dtype(), count.shape());
  check_same_device("count_top_k", scores, labels);
  check_same_device("count_top_k", scores, count);
  visit_compute("count_top_k", scores.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::count_top_k<T>(device, count.data<i64>(), rows<T>(scores), labels.data<i64>(),
                                  k);
        },
        scores.device());
  });
}

}  // namespace weft
