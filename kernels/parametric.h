// SPDX-License-Identifier: Apache-2.0
// Elementwise ops with parameters.
//   math     y[i] = value(x[i], p, q);  dx[i] = gradient(dy[i], x[i], p, q)
//   shapes   n elements
//   saved    x
//   aliasing y may be x, dx may be dy
//   source   given at each formula
#pragma once
#include <cmath>

#include "weft/device/device.h"
#include "weft/kernels/common/host_device.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

// The parameters of a formula, for example the bounds of clamp. pow has one, and its q is 0.
struct Parameters {
  double p = 0, q = 0;
};

// y = min(max(x, p), q), NaN stays NaN;  dy/dx = 1 for p ≤ x ≤ q, bounds included, else 0 (NaN too)
struct Clamp {
  static constexpr const char* name = "clamp";
  template <class T>
  WEFT_HOST_DEVICE static T value(T x, const Parameters& parameters) {
    const T p = static_cast<T>(parameters.p), q = static_cast<T>(parameters.q);
    return x < p ? p : (x > q ? q : x);
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient(T dy, T x, const Parameters& parameters) {
    const T p = static_cast<T>(parameters.p), q = static_cast<T>(parameters.q);
    return x >= p && x <= q ? dy : T(0);
  }
};
// y = x^p, with 0^0 = 1 and NaN for x < 0 unless p is an integer;  dy/dx = p·x^(p − 1), 0 for p = 0
struct Pow {
  static constexpr const char* name = "pow";
  template <class T>
  WEFT_HOST_DEVICE static T value(T x, const Parameters& parameters) {
    if (holds_exponent<T>(parameters.p)) return std::pow(x, static_cast<T>(parameters.p));
    return static_cast<T>(std::pow(static_cast<double>(x), parameters.p));
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient(T dy, T x, const Parameters& parameters) {
    const double p = parameters.p;
    if (p == 0) return T(0);
    return static_cast<T>(static_cast<double>(dy) * (p * wide_power(x, p - 1)));
  }

 private:
  // An exponent is not rounded: that may turn an odd one into an even one.
  template <class T>
  WEFT_HOST_DEVICE static bool holds_exponent(double p) {
    return static_cast<double>(static_cast<T>(p)) == p;
  }
  // x^p, which may be outside of the range of T. The function of double takes several times as long
  // as that of float.
  template <class T>
  WEFT_HOST_DEVICE static double wide_power(T x, double p) {
    if constexpr (sizeof(T) == sizeof(float)) {
      const float power = holds_exponent<T>(p) ? std::pow(x, static_cast<float>(p)) : 0.0f;
      if (x == 0.0f ? holds_exponent<T>(p)
                    : std::abs(power) >= 1.17549435e-38f && power - power == 0)
        return power;
    }
    return std::pow(static_cast<double>(x), p);
  }
};

template <class Op, class T, class Device>
void parametric_forward(Device device, Span<T> y, Span<const T> x, Parameters parameters);
template <class Op, class T, class Device>
void parametric_backward(Device device, Span<T> dx, Span<const T> dy, Span<const T> x,
                         Parameters parameters);

}  // namespace weft::kernels

// The list of these ops, each as X(name of the op, formula).
#define WEFT_PARAMETRIC_OPS(X) X(clamp, Clamp) X(pow, Pow)
