// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/reduce.h"

#include <cmath>
#include <utility>

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"

namespace weft {
namespace {

// Splits a shape into the axes before `axis`, the axis itself and the axes after it.
kernels::ReduceShape around(const Shape& shape, int axis) {
  return {shape.elements(0, axis), shape[axis], shape.elements(axis + 1, shape.rank())};
}

void sum_scaled(Tensor& y, const Tensor& x, double scale, const kernels::ReduceShape& shape) {
  visit_compute("sum", x.dtype(), [&]<class From>() {
    visit_compute("sum", y.dtype(), [&]<class To>() {
      std::visit(
          [&](auto device) {
            kernels::reduce_sum<To, From>(device, y.data<To>(), x.data<From>(), scale, shape);
          },
          x.device());
    });
  });
}

void sum_squares(Tensor& y, const Tensor& x, double scale, const kernels::ReduceShape& shape) {
  visit_compute("sum", x.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::reduce_squares<T>(device, y.data<double>(), x.data<T>(), scale, shape);
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

Choice extreme(const char* op, kernels::Extreme which, const Tensor& x, int axis,
               bool wants_index) {
  const int checked = x.shape().checked_axis(axis);
  WEFT_CHECK(x.size(checked) > 0, "{}: x is {}; axis {} must not be empty", op, x.shape(), checked);
  const Shape reduced = x.shape().with(checked, 1);
  Choice best{Tensor::empty(reduced, x.dtype(), x.device()), {}};
  if (wants_index) best.index = Tensor::empty(reduced, DType::int64, x.device());
  visit_compute(op, x.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::reduce_extreme<T>(device, which, best.value.data<T>(),
                                     wants_index ? best.index.data<i64>() : nullptr, x.data<T>(),
                                     around(x.shape(), checked));
        },
        x.device());
  });
  return best;
}

// Writes to y the reduction of x over the axes for which reduced(axis) holds. Each run of
// neighbouring axes takes one call reduce(to, from, sizes), from the last run to the first. y has
// the elements of the axes that stay. The results between the calls have the dtype `between`.
template <class Reduced, class Reduce>
void reduce_runs(const Tensor& y, const Tensor& x, DType between, const Reduced& reduced,
                 const Reduce& reduce) {
  Tensor current = x;
  for (int end = x.rank(); end > 0;) {
    int begin = end;
    while (begin > 0 && reduced(begin - 1)) --begin;
    if (begin == end) {
      --end;
      continue;
    }
    Shape shape = current.shape();
    for (int axis = begin; axis < end; ++axis) shape = shape.with(axis, 1);
    const bool last = shape.elements() == y.elements();
    Tensor next = last ? y.reshape(shape) : Tensor::empty(shape, between, x.device());
    reduce(next, current,
           kernels::ReduceShape{current.shape().elements(0, begin),
                                current.shape().elements(begin, end),
                                current.shape().elements(end, x.rank())});
    if (last) return;
    current = next;
    end = begin;
  }
  y.copy_from(current.reshape(y.shape()));
}

// The axes of a reduction over several, and what it leaves.
struct ReducedAxes {
  std::array<bool, Shape::kMaxRank> chosen{};
  i64 elements = 1;  // that each result is made of
  Shape kept;        // with size 1 on these axes
  bool operator()(int axis) const { return chosen[static_cast<std::size_t>(axis)]; }
};
ReducedAxes axes_of(const char* op, const Tensor& x, std::initializer_list<int> axes) {
  WEFT_CHECK(axes.size() > 0, "{}: no axis given; at least one is required", op);
  ReducedAxes result{.kept = x.shape()};
  for (const int axis : axes) {
    const int checked = x.shape().checked_axis(axis);
    WEFT_CHECK(!std::exchange(result.chosen[static_cast<std::size_t>(checked)], true),
               "{}: axis {} given twice for shape {}; each axis may be named once", op, checked,
               x.shape());
    result.elements *= x.size(checked);
    result.kept = result.kept.with(checked, 1);
  }
  return result;
}

// Returns y, which has size 1 on the reduced axes, without these axes if that is asked for.
Tensor shaped(const Tensor& y, const ReducedAxes& axes, bool keepdim) {
  if (keepdim) return y;
  Shape shape = y.shape();
  for (int axis = y.rank() - 1; axis >= 0; --axis)
    if (axes(axis)) shape = shape.without(axis);
  return y.reshape(shape);
}

// Runs of axes are summed in f64, and the last one is rounded to `result`.
Tensor sum_axes(const Tensor& x, const ReducedAxes& axes, double scale, DType result) {
  Tensor y = Tensor::empty(axes.kept, result, x.device());
  reduce_runs(y, x, DType::f64, axes,
              [&](Tensor& to, const Tensor& from, const kernels::ReduceShape& sizes) {
                sum_scaled(to, from, std::exchange(scale, 1.0), sizes);
              });
  return y;
}
// The same of squares, in f64.
Tensor sum_squares_of_axes(const Tensor& x, const ReducedAxes& axes, double scale) {
  Tensor y = Tensor::empty(axes.kept, DType::f64, x.device());
  bool first = true;
  reduce_runs(y, x, DType::f64, axes,
              [&](Tensor& to, const Tensor& from, const kernels::ReduceShape& sizes) {
                if (std::exchange(first, false)) sum_squares(to, from, scale, sizes);
                else sum_scaled(to, from, 1.0, sizes);
              });
  return y;
}

Tensor extreme_axes(const char* op, kernels::Extreme which, const Tensor& x,
                    std::initializer_list<int> given, bool keepdim) {
  const ReducedAxes axes = axes_of(op, x, given);
  WEFT_CHECK(axes.elements > 0, "{}: x is {}; none of the axes may be empty", op, x.shape());
  Tensor y = Tensor::empty(axes.kept, x.dtype(), x.device());
  visit_compute(op, x.dtype(), [&]<class T>() {
    reduce_runs(y, x, x.dtype(), axes,
                [&](Tensor& to, const Tensor& from, const kernels::ReduceShape& sizes) {
                  std::visit(
                      [&](auto device) {
                        kernels::reduce_extreme<T>(device, which, to.data<T>(), nullptr,
                                                   from.data<T>(), sizes);
                      },
                      x.device());
                });
  });
  return shaped(y, axes, keepdim);
}

}  // namespace

Tensor sum(const Tensor& x) { return sum_all(x, false); }
Tensor mean(const Tensor& x) { return sum_all(x, true); }
Tensor sum(const Tensor& x, int axis) { return sum_axis(x, axis, false); }
Tensor mean(const Tensor& x, int axis) { return sum_axis(x, axis, true); }

Tensor sum(const Tensor& x, std::initializer_list<int> axes, bool keepdim) {
  const ReducedAxes reduced = axes_of("sum", x, axes);
  return shaped(sum_axes(x, reduced, 1.0, x.dtype()), reduced, keepdim);
}
Tensor mean(const Tensor& x, std::initializer_list<int> axes, bool keepdim) {
  const ReducedAxes reduced = axes_of("mean", x, axes);
  const double share = 1.0 / static_cast<double>(reduced.elements);
  return shaped(sum_axes(x, reduced, share, x.dtype()), reduced, keepdim);
}

// The deviations from a mean that is rounded have a sum, whose share is taken off the result. They
// are squared in f64, because the square of a float may leave its range where the result does not.
// source: Chan, Golub & LeVeque 1983, "Algorithms for Computing the Sample Variance", eq. 1.7
Tensor var(const Tensor& x, std::initializer_list<int> axes, const VarOptions& options) {
  const ReducedAxes reduced = axes_of("var", x, axes);
  WEFT_CHECK(
      options.correction >= 0 && reduced.elements > options.correction,
      "var: {} elements and correction {}; a correction from 0, below the elements, is required",
      reduced.elements, options.correction);
  const auto n = static_cast<double>(reduced.elements),
             divisor = static_cast<double>(reduced.elements - options.correction);
  const Tensor deviation = sub(x, sum_axes(x, reduced, 1 / n, x.dtype()));
  Tensor rest = sum_axes(deviation, reduced, 1 / std::sqrt(n * divisor), DType::f64);
  square(rest, rest);
  Tensor y = sum_squares_of_axes(deviation, reduced, 1 / divisor);
  sub(y, y, rest);
  return shaped(y.to(x.dtype()), reduced, options.keepdim);
}

Tensor amax(const Tensor& x, std::initializer_list<int> axes, bool keepdim) {
  return extreme_axes("amax", kernels::Extreme::max, x, axes, keepdim);
}
Tensor amin(const Tensor& x, std::initializer_list<int> axes, bool keepdim) {
  return extreme_axes("amin", kernels::Extreme::min, x, axes, keepdim);
}

Tensor max(const Tensor& x, int axis) {
  return extreme("max", kernels::Extreme::max, x, axis, false).value;
}
Tensor min(const Tensor& x, int axis) {
  return extreme("min", kernels::Extreme::min, x, axis, false).value;
}
Choice max_with_index(const Tensor& x, int axis) {
  return extreme("max", kernels::Extreme::max, x, axis, true);
}
Choice min_with_index(const Tensor& x, int axis) {
  return extreme("min", kernels::Extreme::min, x, axis, true);
}
Tensor argmax(const Tensor& x, int axis) {
  return extreme("argmax", kernels::Extreme::max, x, axis, true).index;
}
Tensor argmin(const Tensor& x, int axis) {
  return extreme("argmin", kernels::Extreme::min, x, axis, true).index;
}

void sum_to(Tensor& y, const Tensor& x) {
  check_same_kind("sum_to", y, x);
  WEFT_CHECK(broadcast_shapes("sum_to", x.shape(), y.shape()) == x.shape(),
             "sum_to: x is {} and y {}; y must broadcast to x", x.shape(), y.shape());
  const auto repeated = [&](int axis) {
    const int own = axis - (x.rank() - y.rank());
    return own < 0 || (y.size(own) == 1 && x.size(axis) != 1);
  };
  reduce_runs(y, x, DType::f64, repeated,
              [](Tensor& to, const Tensor& from, const kernels::ReduceShape& sizes) {
                sum_scaled(to, from, 1.0, sizes);
              });
}

void broadcast_to(Tensor& y, const Tensor& x) {
  check_same_kind("broadcast_to", y, x);
  WEFT_CHECK(broadcast_shapes("broadcast_to", y.shape(), x.shape()) == y.shape(),
             "broadcast_to: x is {} and y {}; x must broadcast to y", x.shape(), y.shape());
  fill_with_zeros(y);
  add(y, y, x);
}

}  // namespace weft
