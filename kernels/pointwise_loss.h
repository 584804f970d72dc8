// SPDX-License-Identifier: Apache-2.0
// Losses element by element, for the formulas of pointwise_loss_ops.h.
//   math     each: loss[i] = value(x[i], t[i]);  total: loss = scale·Σ_i value(x[i], t[i])
//            dx[i] = scale·dloss·slope(x[i], t[i]), with dloss a scalar or one value per element
//   shapes   x, t, dx (n); loss (n) or ()
//   saved    x, t
//   aliasing dx may be dloss when that has n elements
//   source   the sum is computed in blocks of fixed size, whose sums are added in order
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/views.h"
#include "weft/kernels/pointwise_loss_ops.h"

namespace weft::kernels {

template <class Op, class T, class Device>
void pointwise_loss_each(Device device, Span<T> loss, Span<const T> x, Span<const T> t,
                         double parameter);
template <class Op, class T, class Device>
void pointwise_loss_total(Device device, T* loss, Span<const T> x, Span<const T> t,
                          double parameter, double scale);

template <class T>
struct PointwiseLossGradient {
  const T* dloss = nullptr;
  bool per_element = false;
};
template <class Op, class T, class Device>
void pointwise_loss_backward(Device device, Span<T> dx, PointwiseLossGradient<T> gradient,
                             Span<const T> x, Span<const T> t, double parameter, double scale);

}  // namespace weft::kernels
