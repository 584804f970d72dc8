// SPDX-License-Identifier: Apache-2.0
// Softmax over the last axis, and its logarithm.
//   math     y[r,c] = e^(x[r,c] − m[r]) / Σ_k e^(x[r,k] − m[r]),  m[r] = max_k x[r,k];
//            log form: x − m − ln Σ
//            dx[r,c] = y[r,c]·(dy[r,c] − Σ_k dy[r,k]·y[r,k]);
//            log form: dx = dy − eʸ·Σ_k dy[r,k]
//   shapes   x, y, dx, dy (rows, cols)
//   saved    y
//   aliasing y may be x, dx may be dy
//   source   Bridle 1990, "Probabilistic interpretation of feedforward classification network
//            outputs"
#pragma once
#include <limits>

#include "weft/device/device.h"
#include "weft/kernels/common/host_device.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

// Σ dy of a row in the log form, which may be outside of the range of C where dx is within it. It
// is then held as a multiple of 2⁶⁴.
template <class C>
struct GradientSum {
  WEFT_HOST_DEVICE explicit GradientSum(double sum) {
    const double most = std::numeric_limits<C>::max();
    const bool large = sum > most || sum < -most;
    unit = large ? C(18446744073709551616.0) : C(1);
    units = static_cast<C>(large ? sum / 18446744073709551616.0 : sum);
  }
  WEFT_HOST_DEVICE C times(C probability) const { return probability * units * unit; }

  C units, unit;
};

template <class T, class Device>
void softmax_forward(Device device, Rows<T> y, Rows<const T> x);
template <class T, class Device>
void softmax_backward(Device device, Rows<T> dx, Rows<const T> dy, Rows<const T> y);
template <class T, class Device>
void log_softmax_forward(Device device, Rows<T> y, Rows<const T> x);
template <class T, class Device>
void log_softmax_backward(Device device, Rows<T> dx, Rows<const T> dy, Rows<const T> y);

}  // namespace weft::kernels
