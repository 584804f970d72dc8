// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/where.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"

namespace weft {
namespace {

// The strides with which x is read along the axes of y.
std::array<i64, Shape::kMaxRank> strides_along(const Shape& y, const Shape& x) {
  std::array<i64, Shape::kMaxRank> strides{};
  i64 along = 1;
  for (int axis = x.rank() - 1; axis >= 0; --axis) {
    const int of_y = axis + y.rank() - x.rank();
    if (x[axis] > 1) strides[static_cast<std::size_t>(of_y)] = along;
    along *= x[axis];
  }
  return strides;
}

Shape shape_of_where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  check_same_kind("where", a, b);
  WEFT_CHECK(condition.defined() && condition.dtype() == DType::uint8,
             "where: the condition is {}; uint8 is required",
             condition.defined() ? name_of(condition.dtype()) : "undefined");
  check_same_device("where", condition, a);
  const Shape values = broadcast_shapes("where", a.shape(), b.shape());
  bool fits = true;
  for (int back = 1; back <= std::min(values.rank(), condition.rank()); ++back) {
    const i64 of_values = values[-back], of_condition = condition.shape()[-back];
    fits = fits && (of_values == of_condition || of_values == 1 || of_condition == 1);
  }
  WEFT_CHECK(fits,
             "where: the condition is {} and the values are {}; sizes must be equal or 1 on each "
             "axis, counted from the last",
             condition.shape(), values);
  return broadcast_shapes("where", condition.shape(), values);
}

}  // namespace

void where(Tensor& y, const Tensor& condition, const Tensor& a, const Tensor& b) {
  check_output("where", y, shape_of_where(condition, a, b), a);
  kernels::WhereShape shape{.rank = std::max(1, y.rank()),
                            .elements = y.elements(),
                            .condition = strides_along(y.shape(), condition.shape()),
                            .a = strides_along(y.shape(), a.shape()),
                            .b = strides_along(y.shape(), b.shape())};
  shape.size[0] = 1;
  std::copy(y.shape().begin(), y.shape().end(), shape.size.begin());
  std::visit(
      [&](auto device) {
        kernels::where(device, y.raw(), {condition.data<u8>(), a.raw(), b.raw()},
                       bytes_of(y.dtype()), shape);
      },
      y.device());
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  Tensor y = Tensor::empty(shape_of_where(condition, a, b), a.dtype(), a.device());
  where(y, condition, a, b);
  return y;
}

Tensor masked_fill(const Tensor& x, const Tensor& mask, double value) {
  WEFT_CHECK(mask.defined() && mask.dtype() == DType::uint8,
             "masked_fill: the mask is {}; uint8 is required",
             mask.defined() ? name_of(mask.dtype()) : "undefined");
  WEFT_CHECK(broadcast_shapes("masked_fill", x.shape(), mask.shape()) == x.shape(),
             "masked_fill: x is {} and the mask {}; the mask must broadcast to x", x.shape(),
             mask.shape());
  return where(mask, Tensor::full({}, value, x.dtype(), x.device()), x);
}

}  // namespace weft
