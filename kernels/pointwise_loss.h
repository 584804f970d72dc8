// SPDX-License-Identifier: Apache-2.0
// Losses element by element, for the formulas of pointwise_loss_ops.h.
//   math     each: loss[i] = value(x[i], t[i]);  total: loss = scale·Σ_i value(x[i], t[i])
//            dx[i] = scale·dloss·slope(x[i], t[i]), with dloss one number or one per element
//   shapes   x, t, dx (n); loss (n) or ()
//   saved    x, t
//   aliasing dx may be dloss when that has n elements
//   source   the sum is cut into blocks of fixed size, added in order
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"
#include "weft/kernels/pointwise_loss_ops.h"

namespace weft::kernels {

template <class Op, class T>
void pointwise_loss_each(Cpu, T* loss, const T* x, const T* t, double parameter, i64 n);
template <class Op, class T>
void pointwise_loss_each(Cuda, T* loss, const T* x, const T* t, double parameter, i64 n);
template <class Op, class T>
void pointwise_loss_total(Cpu, T* loss, const T* x, const T* t, double parameter, double scale,
                          i64 n);
template <class Op, class T>
void pointwise_loss_total(Cuda, T* loss, const T* x, const T* t, double parameter, double scale,
                          i64 n);
template <class Op, class T>
void pointwise_loss_backward(Cpu, T* dx, const T* dloss, bool dloss_per_element, const T* x,
                             const T* t, double parameter, double scale, i64 n);
template <class Op, class T>
void pointwise_loss_backward(Cuda, T* dx, const T* dloss, bool dloss_per_element, const T* x,
                             const T* t, double parameter, double scale, i64 n);

}  // namespace weft::kernels
