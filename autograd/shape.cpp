// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {

Variable reshape(const Variable& x, const Shape& shape) {
  return record("reshape", x.value().reshape(shape), identity_edge(x));
}

Variable flatten(const Variable& x) {
  WEFT_CHECK(x.shape().rank() >= 1, "flatten: x is a scalar; at least one axis is required");
  return reshape(x, Shape{x.shape()[0], x.shape().elements(1, x.shape().rank())});
}

Variable permute(const Variable& x, std::initializer_list<int> order) {
  Tensor y = permute(x.value(), order);
  std::array<int, Shape::kMaxRank> inverse{};
  int position = 0;
  for (const int axis : order)
    inverse[static_cast<std::size_t>(x.shape().checked_axis(axis))] = position++;
  const auto rank = order.size();
  return record("permute", std::move(y), edge(x, [inverse, rank](const Tensor& dy, Tensor& dx) {
                  permute(dx, dy, std::span<const int>(inverse.data(), rank));
                }));
}

Variable broadcast_to(const Variable& x, const Shape& shape) {
  Tensor y = Tensor::empty(shape, x.dtype(), x.device());
  broadcast_to(y, x.value());
  return record("broadcast_to", std::move(y),
                edge(x, [](const Tensor& dy, Tensor& dx) { sum_to(dx, dy); }));
}

}  // namespace weft
