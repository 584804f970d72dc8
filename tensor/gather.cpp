// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/gather.h"

#include "weft/kernels/embedding.h"
#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"

namespace weft {
namespace {

kernels::GatherShape gather_shape(const Shape& x, int axis, i64 k, bool per_element) {
  return {.outer = x.elements(0, axis),
          .n = x[axis],
          .k = k,
          .inner = x.elements(axis + 1, x.rank()),
          .per_element = per_element};
}

// Checks what index_select and gather have in common. On a GPU the check of the indices would wait
// for the device.
void check_index(const char* op, const Tensor& x, int axis, const Tensor& index) {
  WEFT_CHECK(index.defined() && index.dtype() == DType::int64,
             "{}: the index is {}; int64 is required", op,
             index.defined() ? name_of(index.dtype()) : "undefined");
  check_same_device(op, x, index);
  if (!is_cpu(index.device())) return;
  for (const i64 i : index.values<i64>())
    WEFT_CHECK(i >= 0 && i < x.size(axis), "{}: index {} into axis {} of {}; it must be in 0..{}",
               op, i, axis, x.shape(), x.size(axis) - 1);
}

Tensor chosen(const Tensor& x, const Tensor& index, const Shape& shape,
              const kernels::GatherShape& sizes) {
  Tensor y = Tensor::empty(shape, x.dtype(), x.device());
  std::visit(
      [&](auto device) {
        kernels::gather_forward(device, y.raw(), x.raw(), index.data<i64>(), bytes_of(x.dtype()),
                                sizes);
      },
      x.device());
  return y;
}

void sum_by_index(const char* op, Tensor& dx, const Tensor& dy, const Tensor& index,
                  const kernels::GatherShape& sizes) {
  visit_compute(op, dy.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::gather_backward<T>(device, dx.data<T>(), dy.data<T>(), index.data<i64>(), sizes);
        },
        dy.device());
  });
}

}  // namespace

Tensor index_select(const Tensor& x, int axis, const Tensor& index) {
  const int checked = x.shape().checked_axis(axis);
  check_index("index_select", x, checked, index);
  WEFT_CHECK(index.rank() == 1, "index_select: the index is {}; (n) is required", index.shape());
  const i64 k = index.size(0);
  return chosen(x, index, x.shape().with(checked, k), gather_shape(x.shape(), checked, k, false));
}

void index_select_backward(Tensor& dx, const Tensor& dy, int axis, const Tensor& index) {
  const int checked = dx.shape().checked_axis(axis);
  const kernels::GatherShape sizes = gather_shape(dx.shape(), checked, index.size(0), false);
  // Along the first axis x is a table, whose kernel has more threads than that of gather.
  if (sizes.outer == 1) {
    Tensor table = dx.reshape({sizes.n, sizes.inner});
    embedding_backward(table, dy, index);
    return;
  }
  sum_by_index("index_select", dx, dy, index, sizes);
}

Tensor gather(const Tensor& x, int axis, const Tensor& index) {
  const int checked = x.shape().checked_axis(axis);
  check_index("gather", x, checked, index);
  WEFT_CHECK(
      index.rank() == x.rank() && index.shape().with(checked, 0) == x.shape().with(checked, 0),
      "gather: x is {} and the index {}; all sizes but that of axis {} must be equal", x.shape(),
      index.shape(), checked);
  return chosen(x, index, index.shape(),
                gather_shape(x.shape(), checked, index.size(checked), true));
}

void gather_backward(Tensor& dx, const Tensor& dy, int axis, const Tensor& index) {
  const int checked = dx.shape().checked_axis(axis);
  sum_by_index("gather", dx, dy, index,
               gather_shape(dx.shape(), checked, index.size(checked), true));
}

}  // namespace weft
