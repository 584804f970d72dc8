// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/reduce.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"

namespace weft {
namespace {

// Splits a shape into the axes before `axis`, the axis itself and the axes after it.
kernels::ReduceShape around(const Shape& shape, int axis) {
  return {shape.elements(0, axis), shape[axis], shape.elements(axis + 1, shape.rank())};
}

void sum_scaled(Tensor& y, const Tensor& x, double scale, const kernels::ReduceShape& shape) {
  visit_compute("sum", x.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::reduce_sum<T>(device, y.data<T>(), x.data<T>(), scale, shape);
        },
        x.device());
  });
}

Tensor sum_axis(const Tensor& x, int axis, bool average) {
  const int checked = x.shape().checked_axis(axis);
  Tensor y = Tensor::empty(x.shape().with(checked, 1), x.dtype(), x.device());
  sum_scaled(y, x, average ? 1.0 / static_cast<double>(x.size(checked)) : 1.0,
             around(x.shape(), checked));
  return y;
}

Tensor sum_all(const Tensor& x, bool average) {
  Tensor y = Tensor::empty({}, x.dtype(), x.device());
  sum_scaled(y, x, average ? 1.0 / static_cast<double>(x.elements()) : 1.0, {1, x.elements(), 1});
  return y;
}

void max_axis(Tensor& y, Tensor* index, const Tensor& x, int axis) {
  WEFT_CHECK(x.size(axis) > 0, "max: x is {}; axis {} must not be empty", x.shape(), axis);
  visit_compute("max", x.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::reduce_max<T>(device, y.data<T>(),
                                 index != nullptr ? index->data<i64>() : nullptr, x.data<T>(),
                                 around(x.shape(), axis));
        },
        x.device());
  });
}

}  // namespace

Tensor sum(const Tensor& x) { return sum_all(x, false); }
Tensor mean(const Tensor& x) { return sum_all(x, true); }
Tensor sum(const Tensor& x, int axis) { return sum_axis(x, axis, false); }
Tensor mean(const Tensor& x, int axis) { return sum_axis(x, axis, true); }

Tensor max(const Tensor& x, int axis) {
  const int checked = x.shape().checked_axis(axis);
  Tensor y = Tensor::empty(x.shape().with(checked, 1), x.dtype(), x.device());
  max_axis(y, nullptr, x, checked);
  return y;
}

Tensor argmax(const Tensor& x, int axis) {
  const int checked = x.shape().checked_axis(axis);
  const Shape reduced = x.shape().with(checked, 1);
  Tensor y = Tensor::empty(reduced, x.dtype(), x.device());
  Tensor index = Tensor::empty(reduced, DType::int64, x.device());
  max_axis(y, &index, x, checked);
  return index;
}

void sum_to(Tensor& y, const Tensor& x) {
  check_same_kind("sum_to", y, x);
  WEFT_CHECK(broadcast_shapes("sum_to", x.shape(), y.shape()) == x.shape(),
             "sum_to: x is {} and y {}; y must broadcast to x", x.shape(), y.shape());
  // Each run of neighbouring axes is summed by one kernel; most broadcasts have one run.
  Tensor current = x;
  for (int end = x.rank(); end > 0;) {
    const auto repeated = [&](int axis) {
      const int own = axis - (x.rank() - y.rank());
      return own < 0 || (y.size(own) == 1 && x.size(axis) != 1);
    };
    int begin = end;
    while (begin > 0 && repeated(begin - 1)) --begin;
    if (begin == end) {
      --end;
      continue;
    }
    Shape reduced = current.shape();
    for (int axis = begin; axis < end; ++axis) reduced = reduced.with(axis, 1);
    const bool last = reduced.elements() == y.elements();
    Tensor next = last ? y.reshape(reduced) : Tensor::empty(reduced, x.dtype(), x.device());
    sum_scaled(next, current, 1.0,
               {current.shape().elements(0, begin), current.shape().elements(begin, end),
                current.shape().elements(end, x.rank())});
    if (last) return;
    current = next;
    end = begin;
  }
  y.copy_from(current.reshape(y.shape()));
}

void broadcast_to(Tensor& y, const Tensor& x) {
  check_same_kind("broadcast_to", y, x);
  WEFT_CHECK(broadcast_shapes("broadcast_to", y.shape(), x.shape()) == y.shape(),
             "broadcast_to: x is {} and y {}; x must broadcast to y", x.shape(), y.shape());
  fill_with_zeros(y);
  add(y, y, x);
}

}  // namespace weft
