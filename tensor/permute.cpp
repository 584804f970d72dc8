// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/permute.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"

namespace weft {
namespace {

Shape permuted(const Shape& shape, std::span<const int> order) {
  WEFT_CHECK(static_cast<int>(order.size()) == shape.rank(),
             "permute: {} axes given for shape {}; each of its {} axes must be named once",
             order.size(), shape, shape.rank());
  Shape result = shape;
  std::array<bool, Shape::kMaxRank> seen{};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const int axis = shape.checked_axis(order[i]);
    WEFT_CHECK(!std::exchange(seen[static_cast<std::size_t>(axis)], true),
               "permute: axis {} given twice for shape {}; each axis must be named once", axis,
               shape);
    result = result.with(static_cast<int>(i), shape[axis]);
  }
  return result;
}

}  // namespace

void permute(Tensor& y, const Tensor& x, std::span<const int> order) {
  check_output("permute", y, permuted(x.shape(), order), x);
  kernels::PermuteShape shape{.rank = std::max(1, x.rank()), .elements = x.elements()};
  shape.size[0] = 1;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int from = x.shape().checked_axis(order[static_cast<std::size_t>(axis)]);
    shape.size[static_cast<std::size_t>(axis)] = x.size(from);
    shape.stride[static_cast<std::size_t>(axis)] = x.shape().elements(from + 1, x.rank());
  }
  std::visit(
      [&](auto device) { kernels::permute(device, y.raw(), x.raw(), bytes_of(x.dtype()), shape); },
      x.device());
}

Tensor permute(const Tensor& x, std::initializer_list<int> order) {
  const std::span<const int> axes(order.begin(), order.size());
  Tensor y = Tensor::empty(permuted(x.shape(), axes), x.dtype(), x.device());
  permute(y, x, axes);
  return y;
}

}  // namespace weft
