// SPDX-License-Identifier: Apache-2.0
// The formulas of losses that compare a prediction x with a target t element by element. One struct
// holds value and slope dvalue/dx for every device and dtype. `p` is the loss's parameter.
//
// A value is double, so that no step leaves the range of float where the loss or a mean is within
// it, and so is a slope that may leave it. The functions of math.h are those of T.
#pragma once
#include "weft/kernels/common/host_device.h"
#include "weft/kernels/common/math.h"

namespace weft::kernels {

// The type of an op's slope, and of the factor that it is multiplied by.
template <class Op, class T>
using LossSlope = decltype(Op::slope(T(), T(), T()));

// e = x − t
template <class T>
WEFT_HOST_DEVICE double loss_error(T x, T t) {
  return static_cast<double>(x) - static_cast<double>(t);
}

// e²
struct Mse {
  static constexpr const char* name = "mse";
  template <class T>
  WEFT_HOST_DEVICE static double value(T x, T t, T) {
    const double e = loss_error(x, t);
    return e * e;
  }
  template <class T>
  WEFT_HOST_DEVICE static double slope(T x, T t, T) {
    return 2 * loss_error(x, t);
  }
};
// |e|, with slope 0 at 0
struct L1 {
  static constexpr const char* name = "l1";
  template <class T>
  WEFT_HOST_DEVICE static double value(T x, T t, T) {
    const double e = loss_error(x, t);
    return e < 0 ? -e : e;
  }
  template <class T>
  WEFT_HOST_DEVICE static T slope(T x, T t, T) {
    return x > t ? T(1) : (x < t ? T(-1) : (x == t ? T(0) : x - t));
  }
};
// e²/2 for |e| ≤ p, otherwise p·(|e| − p/2).  Huber 1964
struct Huber {
  static constexpr const char* name = "huber";
  template <class T>
  WEFT_HOST_DEVICE static double value(T x, T t, T p) {
    const double e = loss_error(x, t), magnitude = e < 0 ? -e : e, delta = p;
    return magnitude <= delta ? 0.5 * e * e : delta * (magnitude - 0.5 * delta);
  }
  template <class T>
  WEFT_HOST_DEVICE static T slope(T x, T t, T p) {
    const T e = x - t;
    return e > p ? p : (e < -p ? -p : e);
  }
};
// −t·ln σ(x) − (1 − t)·ln(1 − σ(x)) = |x|·(x < 0 ? t : 1 − t) + ln(1 + e^−|x|);  slope σ(x) − t
struct BceWithLogits {
  static constexpr const char* name = "bce_with_logits";
  template <class T>
  WEFT_HOST_DEVICE static double value(T x, T t, T) {
    const T magnitude = x < T(0) ? -x : x, share = x < T(0) ? t : T(1) - t;
    return static_cast<double>(magnitude) * static_cast<double>(share) +
           static_cast<double>(math::log1p(math::exp(-magnitude)));
  }
  template <class T>
  WEFT_HOST_DEVICE static T slope(T x, T t, T) {
    return math::sigmoid(x) - t;
  }
};

}  // namespace weft::kernels

// The list of losses, each as X(name of the op, formula).
#define WEFT_POINTWISE_LOSSES(X) \
  X(mse, Mse) X(l1, L1) X(huber, Huber) X(bce_with_logits, BceWithLogits)
