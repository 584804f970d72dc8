// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/embedding.h"

#include <array>

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"

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
  const i64 rows = table.size(0), cols = table.size(1);
  Tensor y =
      Tensor::empty(indices.shape().inserted(indices.rank(), cols), table.dtype(), table.device());
  const Tensor bad = Tensor::empty({}, DType::int64, table.device());
  visit_compute("embedding", table.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::embedding_forward(device, y.data<T>(), bad.data<i64>(), table.data<T>(),
                                     indices.data<i64>(), indices.elements(), rows, cols);
        },
        table.device());
  });
  // Free to look at on the CPU; elsewhere the NaN tells.
  if (is_cpu(table.device())) {
    const i64 position = bad.data<i64>()[0];
    WEFT_CHECK(position < 0, "embedding: index {} at position {}; indices must be in 0..{}",
               indices.data<i64>()[position], position, rows - 1);
  }
  return y;
}

void embedding_backward(Tensor& dtable, const Tensor& dy, const Tensor& indices) {
  visit_compute("embedding", dy.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::embedding_backward(device, dtable.data<T>(), dy.data<T>(), indices.data<i64>(),
                                      indices.elements(), dtable.size(0), dtable.size(1));
        },
        dy.device());
  });
}

}  // namespace weft
