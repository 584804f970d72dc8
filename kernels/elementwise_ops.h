// SPDX-License-Identifier: Apache-2.0
// The formulas of all elementwise ops. One struct holds value and gradient for every device and
// dtype. A gradient takes dy, so that no factor of a product leaves the range of T while the
// product is within it.
//
// A new op needs its struct here, its line in a list below, and its reference row in
// tests/autograd/elementwise_test.cpp. The kernels, the op on Tensor, the differentiable op and the
// tests are generated from these.
//
// `keeps` of a unary formula names the tensor that its gradient reads, the input x or the output y.
// That tensor is kept for the backward pass.
#pragma once
#include <cmath>

#include "weft/kernels/common/host_device.h"
#include "weft/kernels/common/math.h"

namespace weft::kernels {

enum class Keeps { input, output };

// y = −x
struct Neg {
  static constexpr const char* name = "neg";
  static constexpr Keeps keeps = Keeps::output;
  template <class T>
  WEFT_HOST_DEVICE static T value(T x) {
    return -x;
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient(T dy, T) {
    return -dy;
  }
};
// y = eˣ;  dy/dx = y
struct Exp {
  static constexpr const char* name = "exp";
  static constexpr Keeps keeps = Keeps::output;
  template <class T>
  WEFT_HOST_DEVICE static T value(T x) {
    return math::exp(x);
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient(T dy, T y) {
    return dy * y;
  }
};
// y = ln x;  dy/dx = 1/x
struct Log {
  static constexpr const char* name = "log";
  static constexpr Keeps keeps = Keeps::input;
  template <class T>
  WEFT_HOST_DEVICE static T value(T x) {
    return math::log(x);
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient(T dy, T x) {
    return dy / x;
  }
};
// y = √x;  dy/dx = 1/(2y)
struct Sqrt {
  static constexpr const char* name = "sqrt";
  static constexpr Keeps keeps = Keeps::output;
  template <class T>
  WEFT_HOST_DEVICE static T value(T x) {
    return std::sqrt(x);
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient(T dy, T y) {
    return T(0.5) * dy / y;
  }
};
// y = x²;  dy/dx = 2x
struct Square {
  static constexpr const char* name = "square";
  static constexpr Keeps keeps = Keeps::input;
  template <class T>
  WEFT_HOST_DEVICE static T value(T x) {
    return x * x;
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient(T dy, T x) {
    return dy * x * T(2);
  }
};
// y = |x|;  dy/dx = sign x, and 0 at 0 and at NaN
struct Abs {
  static constexpr const char* name = "abs";
  static constexpr Keeps keeps = Keeps::input;
  template <class T>
  WEFT_HOST_DEVICE static T value(T x) {
    return x < T(0) ? -x : x;
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient(T dy, T x) {
    return x > T(0) ? dy : (x < T(0) ? -dy : T(0));
  }
};
// y = max(x, 0), NaN stays NaN;  dy/dx = 0 where y ≤ 0, else 1 (NaN too).  Nair & Hinton 2010
struct Relu {
  static constexpr const char* name = "relu";
  static constexpr Keeps keeps = Keeps::output;
  template <class T>
  WEFT_HOST_DEVICE static T value(T x) {
    return x < T(0) ? T(0) : x;
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient(T dy, T y) {
    return y <= T(0) ? T(0) : dy;
  }
};
// y = x·Φ(x), where Φ is the normal distribution;  dy/dx = Φ(x) + x·φ(x).  Hendrycks & Gimpel 2016,
// arXiv:1606.08415
struct Gelu {
  static constexpr const char* name = "gelu";
  static constexpr Keeps keeps = Keeps::input;
  template <class T>
  WEFT_HOST_DEVICE static T cdf(T x) {
    return T(0.5) * (T(1) + math::erf(x * T(0.70710678118654752440)));
  }
  template <class T>
  WEFT_HOST_DEVICE static T value(T x) {
    return x * cdf(x);
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient(T dy, T x) {
    return dy * (cdf(x) + x * T(0.39894228040143267794) * math::exp(T(-0.5) * x * x));
  }
};
// y = x·σ(x);  dy/dx = σ(x)·(1 + x·(1 − σ(x))).  Elfwing et al. 2017, arXiv:1702.03118
struct Silu {
  static constexpr const char* name = "silu";
  static constexpr Keeps keeps = Keeps::input;
  template <class T>
  WEFT_HOST_DEVICE static T value(T x) {
    return x * math::sigmoid(x);
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient(T dy, T x) {
    const T s = math::sigmoid(x);
    return dy * (s * (T(1) + x * (T(1) - s)));
  }
};
// y = tanh x;  dy/dx = 1 − y²
struct Tanh {
  static constexpr const char* name = "tanh";
  static constexpr Keeps keeps = Keeps::output;
  template <class T>
  WEFT_HOST_DEVICE static T value(T x) {
    return math::tanh(x);
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient(T dy, T y) {
    return dy * (T(1) - y * y);
  }
};
// y = 1/(1 + e⁻ˣ);  dy/dx = y·(1 − y)
struct Sigmoid {
  static constexpr const char* name = "sigmoid";
  static constexpr Keeps keeps = Keeps::output;
  template <class T>
  WEFT_HOST_DEVICE static T value(T x) {
    return math::sigmoid(x);
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient(T dy, T y) {
    return dy * (y * (T(1) - y));
  }
};

// A binary formula has the gradient with respect to each input, computed from dc.
struct Add {
  static constexpr const char* name = "add";
  template <class T>
  WEFT_HOST_DEVICE static T value(T a, T b) {
    return a + b;
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient_a(T dc, T, T) {
    return dc;
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient_b(T dc, T, T) {
    return dc;
  }
};
struct Sub {
  static constexpr const char* name = "sub";
  template <class T>
  WEFT_HOST_DEVICE static T value(T a, T b) {
    return a - b;
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient_a(T dc, T, T) {
    return dc;
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient_b(T dc, T, T) {
    return -dc;
  }
};
struct Mul {
  static constexpr const char* name = "mul";
  template <class T>
  WEFT_HOST_DEVICE static T value(T a, T b) {
    return a * b;
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient_a(T dc, T, T b) {
    return dc * b;
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient_b(T dc, T a, T) {
    return dc * a;
  }
};
struct Div {
  static constexpr const char* name = "div";
  template <class T>
  WEFT_HOST_DEVICE static T value(T a, T b) {
    return a / b;
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient_a(T dc, T, T b) {
    return dc / b;
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient_b(T dc, T a, T b) {
    // In float the quotients may leave the range where their product does not.
    if constexpr (sizeof(T) == sizeof(float)) {
      const double divisor = b;
      return static_cast<T>(-dc * (a / (divisor * divisor)));
    }
    return -(dc / b) * (a / b);
  }
};
// At a tie each input gets dc/2, so that the gradients sum to dc. Where an input is NaN, the result
// is NaN and both inputs get dc.
struct Maximum {
  static constexpr const char* name = "maximum";
  template <class T>
  WEFT_HOST_DEVICE static T value(T a, T b) {
    return a != a ? a : (a < b || b != b ? b : a);
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient_a(T dc, T a, T b) {
    return a < b ? T(0) : (a == b ? T(0.5) * dc : dc);
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient_b(T dc, T a, T b) {
    return b < a ? T(0) : (a == b ? T(0.5) * dc : dc);
  }
};
struct Minimum {
  static constexpr const char* name = "minimum";
  template <class T>
  WEFT_HOST_DEVICE static T value(T a, T b) {
    return a != a ? a : (b < a || b != b ? b : a);
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient_a(T dc, T a, T b) {
    return a > b ? T(0) : (a == b ? T(0.5) * dc : dc);
  }
  template <class T>
  WEFT_HOST_DEVICE static T gradient_b(T dc, T a, T b) {
    return b > a ? T(0) : (a == b ? T(0.5) * dc : dc);
  }
};

}  // namespace weft::kernels

// The lists of ops, each as X(name of the op, formula).
// clang-format off
#define WEFT_UNARY_OPS(X)                                                \
  X(neg, Neg) X(exp, Exp) X(log, Log) X(sqrt, Sqrt) X(square, Square)    \
  X(abs, Abs) X(relu, Relu) X(gelu, Gelu) X(silu, Silu) X(tanh, Tanh)    \
  X(sigmoid, Sigmoid)
// clang-format on
#define WEFT_BINARY_OPS(X) \
  X(add, Add) X(sub, Sub) X(mul, Mul) X(div, Div) X(maximum, Maximum) X(minimum, Minimum)
