// SPDX-License-Identifier: Apache-2.0
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/elementwise.h"

namespace weft::kernels {
namespace {

constexpr i64 kGrain = 16 * 1024;  // the fewest elements that a thread processes

template <class Op, class T>
void forward(Span<T> y, Span<const T> x) {
  parallel_for(y.size, kGrain, [&](i64 begin, i64 end) {
    simd([=] {
      for (i64 i = begin; i < end; ++i) y[i] = Op::value(x[i]);
    });
  });
}

template <class Op, class T>
void backward(Span<T> dx, Span<const T> dy, Span<const T> kept) {
  parallel_for(dx.size, kGrain, [&](i64 begin, i64 end) {
    simd([=] {
      for (i64 i = begin; i < end; ++i) dx[i] = Op::gradient(dy[i], kept[i]);
    });
  });
}

template <class T>
void scale_and_shift(Span<T> y, Span<const T> x, const Affine& formula) {
  const T s = static_cast<T>(formula.scale), d = static_cast<T>(formula.divisor),
          t = static_cast<T>(formula.shift);
  const bool divides = formula.divisor != 1;
  parallel_for(y.size, kGrain, [&](i64 begin, i64 end) {
    simd([=] {
      if (divides) {
        for (i64 i = begin; i < end; ++i) y[i] = s * x[i] / d + t;
      } else {
        for (i64 i = begin; i < end; ++i) y[i] = s * x[i] + t;
      }
    });
  });
}

}  // namespace

#define WEFT_UNARY_T(Op, T)                                                        \
  template <>                                                                      \
  void unary_forward<Op>(Cpu, Span<T> y, Span<const T> x) {                        \
    forward<Op>(y, x);                                                             \
  }                                                                                \
  template <>                                                                      \
  void unary_backward<Op>(Cpu, Span<T> dx, Span<const T> dy, Span<const T> kept) { \
    backward<Op>(dx, dy, kept);                                                    \
  }
#define WEFT_UNARY(op, Op) WEFT_UNARY_T(Op, float) WEFT_UNARY_T(Op, double)
WEFT_UNARY_OPS(WEFT_UNARY)

#define WEFT_AFFINE(T)                                                  \
  template <>                                                           \
  void affine(Cpu, Span<T> y, Span<const T> x, const Affine& formula) { \
    scale_and_shift(y, x, formula);                                     \
  }
WEFT_AFFINE(float)
WEFT_AFFINE(double)

}  // namespace weft::kernels
