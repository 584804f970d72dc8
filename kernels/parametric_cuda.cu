// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/grid.h"
#include "weft/kernels/parametric.h"

namespace weft::kernels {
namespace {

template <class Op, class T>
__global__ void __launch_bounds__(kThreads)
    parametric_forward_kernel(Span<T> y, Span<const T> x, Parameters parameters, i64 packs) {
  using C = Compute<T>;
  map_elements(
      y, packs, [=](C value) { return Op::value(value, parameters); }, x);
}

template <class Op, class T>
__global__ void __launch_bounds__(kThreads)
    parametric_backward_kernel(Span<T> dx, Span<const T> dy, Span<const T> x, Parameters parameters,
                               i64 packs) {
  using C = Compute<T>;
  map_elements(
      dx, packs, [=](C dy_i, C x_i) { return Op::gradient(dy_i, x_i, parameters); }, dy, x);
}

template <class Op, class T>
void forward(Cuda device, Span<T> y, Span<const T> x, Parameters parameters) {
  if (y.size == 0) return;
  const i64 packs = packs_in<T>(y.size, y.data, x.data);
  launch<parametric_forward_kernel<Op, T>>(on(device, blocks_for(iterations<T>(y.size, packs))), y,
                                           x, parameters, packs);
}

template <class Op, class T>
void backward(Cuda device, Span<T> dx, Span<const T> dy, Span<const T> x, Parameters parameters) {
  if (dx.size == 0) return;
  const i64 packs = packs_in<T>(dx.size, dx.data, dy.data, x.data);
  launch<parametric_backward_kernel<Op, T>>(on(device, blocks_for(iterations<T>(dx.size, packs))),
                                            dx, dy, x, parameters, packs);
}

}  // namespace

#define WEFT_PARAMETRIC_T(Op, T)                                                                \
  template <>                                                                                   \
  void parametric_forward<Op>(Cuda device, Span<T> y, Span<const T> x, Parameters parameters) { \
    forward<Op>(device, y, x, parameters);                                                      \
  }                                                                                             \
  template <>                                                                                   \
  void parametric_backward<Op>(Cuda device, Span<T> dx, Span<const T> dy, Span<const T> x,      \
                               Parameters parameters) {                                         \
    backward<Op>(device, dx, dy, x, parameters);                                                \
  }
#define WEFT_PARAMETRIC(op, Op) \
  WEFT_PARAMETRIC_T(Op, float)  \
  WEFT_PARAMETRIC_T(Op, double) \
  WEFT_PARAMETRIC_T(Op, half)   \
  WEFT_PARAMETRIC_T(Op, bfloat16)
WEFT_PARAMETRIC_OPS(WEFT_PARAMETRIC)

}  // namespace weft::kernels
