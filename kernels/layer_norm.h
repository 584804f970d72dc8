// SPDX-License-Identifier: Apache-2.0
// Layer normalisation over the last axis.
//   math     y[r,c] = x̂[r,c]·w[c] + b[c],  x̂ = (x − mean[r])·rstd[r]
//            rstd[r] = 1/√(Σ_c (x − mean)²/cols + eps)
//            dx[r,c] = rstd[r]·(g − (Σ_k g)/cols − x̂·(Σ_k g·x̂)/cols),  g = dy·w
//            dw[c] = Σ_r dy·x̂,  db[c] = Σ_r dy
//   shapes   x, y, dx, dy (rows, cols); w = weight, b = bias and their gradients (cols);
//            mean (double), rstd (rows)
//   saved    x, mean, rstd
//   aliasing y may be x
//   source   Ba, Kiros & Hinton 2016, arXiv:1607.06450
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

// Both pointers are given, or both are null. If they are null, y = x̂.
template <class T>
struct LayerNormParameters {
  const T *weight = nullptr, *bias = nullptr;
};
// The statistics of each row. The mean is double, because a rounded one loses digits of x − mean
// when it is much larger than the deviation.
template <class T>
struct RowStatistics {
  std::conditional_t<std::is_const_v<T>, const double, double>* mean = nullptr;
  T* rstd = nullptr;

  template <std::same_as<T> U>
  WEFT_HOST_DEVICE operator RowStatistics<const U>() const {
    return {mean, rstd};
  }
};
// The mean of a row as the sum of two values, which are subtracted from x one by one.
template <class C>
struct RowCentre {
  WEFT_HOST_DEVICE explicit RowCentre(double mean)
      : high(static_cast<C>(mean)), low(static_cast<C>(mean - static_cast<double>(high))) {}
  WEFT_HOST_DEVICE C centred(C x) const { return (x - high) - low; }

  C high, low;
};
// A gradient whose pointer is null is not computed.
template <class T>
struct LayerNormGradients {
  T *dx = nullptr, *dweight = nullptr, *dbias = nullptr;
};

template <class T, class Device>
void layer_norm_forward(Device device, Rows<T> y, RowStatistics<T> saved, Rows<const T> x,
                        const LayerNormParameters<T>& parameters, double eps);
// The order of the sums over rows depends on the sizes alone.
template <class T, class Device>
void layer_norm_backward(Device device, const LayerNormGradients<T>& out, Rows<const T> dy,
                         Rows<const T> x, const T* weight, RowStatistics<const T> saved);

}  // namespace weft::kernels
