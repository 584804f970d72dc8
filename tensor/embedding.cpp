// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/embedding.h"

#include <array>

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/views.h"

namespace weft {

Tensor embedding(const Tensor& table, const Tensor& indices) {
  WEFT_CHECK(
      table.defined() && indices.defined() && table.rank() == 2 && indices.dtype() == DType::int64,
      "embedding: the table is {} and the indices are {} {}; a table (rows, columns) and int64 indices "
      "are required",
      table.shape(), indices.dtype(), indices.shape());
  WEFT_CHECK(indices.rank() < Shape::kMaxRank,
             "embedding: indices are {}; at most {} axes are allowed", indices.shape(),
             Shape::kMaxRank - 1);
  check_same_device("embedding", table, indices);
  const i64 cols = table.size(1);
  Tensor y =
      Tensor::empty(indices.shape().inserted(indices.rank(), cols), table.dtype(), table.device());
  const Tensor bad = Tensor::empty({}, DType::int64, table.device());
  visit_compute("embedding", table.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::embedding_forward<T>(device, {y.data<T>(), indices.elements(), cols},
                                        bad.data<i64>(), rows<T>(table), indices.data<i64>());
        },
        table.device());
  });
  // On the CPU the check costs no wait. On a GPU it would, so a bad index gives a row of NaN.
  if (is_cpu(table.device())) {
    const i64 position = bad.data<i64>()[0];
    WEFT_CHECK(position < 0, "embedding: index {} at position {}; indices must be in 0..{}",
               indices.data<i64>()[position], position, table.size(0) - 1);
  }
  return y;
}

void embedding_backward(Tensor& dtable, const Tensor& dy, const Tensor& indices) {
  visit_compute("embedding", dy.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::embedding_backward<T>(device, rows<T>(dtable),
                                         {dy.data<T>(), indices.elements(), dtable.size(1)},
                                         indices.data<i64>());
        },
        dy.device());
  });
}

}  // namespace weft
