// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/parametric.h"

#include "weft/device/parallel.h"
#include "weft/device/simd.h"

namespace weft::kernels {
namespace {

constexpr i64 kGrain = 16 * 1024;  // the fewest elements that a thread processes

template <class Op, class T>
void forward(Span<T> y, Span<const T> x, Parameters parameters) {
  parallel_for(y.size, kGrain, [&](i64 begin, i64 end) {
    simd([=] {
      for (i64 i = begin; i < end; ++i) y[i] = Op::value(x[i], parameters);
    });
  });
}

template <class Op, class T>
void backward(Span<T> dx, Span<const T> dy, Span<const T> x, Parameters parameters) {
  parallel_for(dx.size, kGrain, [&](i64 begin, i64 end) {
    simd([=] {
      for (i64 i = begin; i < end; ++i) dx[i] = Op::gradient(dy[i], x[i], parameters);
    });
  });
}

}  // namespace

#define WEFT_PARAMETRIC_T(Op, T)                                                        \
  template <>                                                                           \
  void parametric_forward<Op>(Cpu, Span<T> y, Span<const T> x, Parameters parameters) { \
    forward<Op>(y, x, parameters);                                                      \
  }                                                                                     \
  template <>                                                                           \
  void parametric_backward<Op>(Cpu, Span<T> dx, Span<const T> dy, Span<const T> x,      \
                               Parameters parameters) {                                 \
    backward<Op>(dx, dy, x, parameters);                                                \
  }
#define WEFT_PARAMETRIC(op, Op) WEFT_PARAMETRIC_T(Op, float) WEFT_PARAMETRIC_T(Op, double)
WEFT_PARAMETRIC_OPS(WEFT_PARAMETRIC)

}  // namespace weft::kernels
