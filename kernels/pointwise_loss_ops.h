// SPDX-License-Identifier: Apache-2.0
// The formulas of losses that compare a prediction x with a target t element by element. One struct
// holds value and slope dvalue/dx for every device and dtype. `p` is the loss's parameter.
#pragma once
#include "weft/kernels/common/host_device.h"
#include "weft/kernels/common/math.h"

namespace weft::kernels {

// (x − t)²
struct Mse {
  static constexpr const char* name = "mse";
  template <class T>
  WEFT_HOST_DEVICE static T value(T x, T t, T) {
    return (x - t) * (x - t);
  }
  template <class T>
  WEFT_HOST_DEVICE static T slope(T x, T t, T) {
    return T(2) * (x - t);
  }
};
// |x − t|, with slope 0 at 0
struct L1 {
  static constexpr const char* name = "l1";
  template <class T>
  WEFT_HOST_DEVICE static T value(T x, T t, T) {
    return x < t ? t - x : x - t;
  }
  template <class T>
  WEFT_HOST_DEVICE static T slope(T x, T t, T) {
    return x != x || t != t ? x - t : (x > t ? T(1) : (x < t ? T(-1) : T(0)));
  }
};
// e²/2 for |e| ≤ p, otherwise p·(|e| − p/2), with e = x − t.  Huber 1964
struct Huber {
  static constexpr const char* name = "huber";
  template <class T>
  WEFT_HOST_DEVICE static T value(T x, T t, T p) {
    const T e = x < t ? t - x : x - t;
    return e <= p ? T(0.5) * e * e : p * (e - T(0.5) * p);
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
  WEFT_HOST_DEVICE static T value(T x, T t, T) {
    const T magnitude = x < T(0) ? -x : x;
    return magnitude * (x < T(0) ? t : T(1) - t) + math::log1p(math::exp(-magnitude));
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
