// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/top_k.h"

#include "weft/tensor/ops.h"
#include "weft/tensor/views.h"

namespace weft {

Choice top_k(const Tensor& x, i64 k) {
  WEFT_CHECK(x.rank() >= 1 && k >= 0 && k <= x.size(-1),
             "top_k: x is {} and k is {}; an axis of at least k elements is required", x.shape(),
             k);
  const Shape shape = x.shape().with(-1, k);
  Choice best{Tensor::empty(shape, x.dtype(), x.device()),
              Tensor::empty(shape, DType::int64, x.device())};
  visit_compute("top_k", x.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::top_k<T>(device, rows<T>(best.value), best.index.data<i64>(), rows<T>(x));
        },
        x.device());
  });
  return best;
}

}  // namespace weft
