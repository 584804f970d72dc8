// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/gather_rows.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"

namespace weft {

Tensor gather_rows(const Tensor& x, const Tensor& index) {
  WEFT_CHECK(x.defined() && index.defined() && x.rank() >= 1 && index.rank() == 1 &&
                 index.dtype() == DType::int64,
             "gather_rows: x is {} and the index is {} {}; x (rows, …) and int64 (n) are required",
             x.shape(), index.dtype(), index.shape());
  check_same_device("gather_rows", x, index);
  const i64 n = index.size(0), row_count = x.size(0);
  if (is_cpu(index.device()))  // on a GPU the check would wait for the device
    for (const i64 i : index.values<i64>())
      WEFT_CHECK(i >= 0 && i < row_count, "gather_rows: index {}; indices must be in 0..{}", i,
                 row_count - 1);
  const Shape row = x.shape().without(0);
  Tensor y = Tensor::empty(row.inserted(0, n), x.dtype(), x.device());
  const i64 row_bytes = row.elements() * bytes_of(x.dtype());
  std::visit(
      [&](auto device) {
        kernels::gather_rows(device, {static_cast<u8*>(y.raw()), n, row_bytes},
                             {static_cast<const u8*>(x.raw()), row_count, row_bytes},
                             index.data<i64>());
      },
      x.device());
  return y;
}

}  // namespace weft
