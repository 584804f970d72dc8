// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/elementwise.h"
#include "weft/kernels/common/grid.h"
#include "weft/kernels/common/launch_bounds.h"

namespace weft::kernels {
namespace {

template <class Op, class T>
__global__ void __launch_bounds__(kThreads)
    unary_forward_kernel(Span<T> y, Span<const T> x, i64 packs) {
  map_elements(
      y, packs, [](Compute<T> value) { return Op::value(value); }, x);
}

template <class Op, class T>
__global__ void __launch_bounds__(kThreads)
    unary_backward_kernel(Span<T> dx, Span<const T> dy, Span<const T> kept, i64 packs) {
  map_elements(
      dx, packs, [](Compute<T> dy_i, Compute<T> kept_i) { return Op::gradient(dy_i, kept_i); }, dy,
      kept);
}

template <class T>
__global__ void __launch_bounds__(kThreads, sizeof(T) == 4 ? kSpillFreeBlocks : 0)
    affine_kernel(Span<T> y, Span<const T> x, Affine formula, i64 packs) {
  using C = Compute<T>;
  const C scale = static_cast<C>(formula.scale), divisor = static_cast<C>(formula.divisor),
          shift = static_cast<C>(formula.shift);
  const bool divides = formula.divisor != 1;
  map_elements(
      y, packs,
      [=](C value) { return (divides ? scale * value / divisor : scale * value) + shift; }, x);
}

template <class Op, class T>
void forward(Cuda device, Span<T> y, Span<const T> x) {
  if (y.size == 0) return;
  const i64 packs = packs_in<T>(y.size, y.data, x.data);
  launch<unary_forward_kernel<Op, T>>(on(device, blocks_for(iterations<T>(y.size, packs))), y, x,
                                      packs);
}

template <class Op, class T>
void backward(Cuda device, Span<T> dx, Span<const T> dy, Span<const T> kept) {
  if (dx.size == 0) return;
  const i64 packs = packs_in<T>(dx.size, dx.data, dy.data, kept.data);
  launch<unary_backward_kernel<Op, T>>(on(device, blocks_for(iterations<T>(dx.size, packs))), dx,
                                       dy, kept, packs);
}

template <class T>
void scale_and_shift(Cuda device, Span<T> y, Span<const T> x, const Affine& formula) {
  if (y.size == 0) return;
  const i64 packs = packs_in<T>(y.size, y.data, x.data);
  launch<affine_kernel<T>>(on(device, blocks_for(iterations<T>(y.size, packs))), y, x, formula,
                           packs);
}

}  // namespace

#define WEFT_UNARY_T(Op, T)                                                                \
  template <>                                                                              \
  void unary_forward<Op>(Cuda device, Span<T> y, Span<const T> x) {                        \
    forward<Op>(device, y, x);                                                             \
  }                                                                                        \
  template <>                                                                              \
  void unary_backward<Op>(Cuda device, Span<T> dx, Span<const T> dy, Span<const T> kept) { \
    backward<Op>(device, dx, dy, kept);                                                    \
  }
#define WEFT_UNARY(op, Op) \
  WEFT_UNARY_T(Op, float)  \
  WEFT_UNARY_T(Op, double) \
  WEFT_UNARY_T(Op, half)   \
  WEFT_UNARY_T(Op, bfloat16)
WEFT_UNARY_OPS(WEFT_UNARY)

#define WEFT_AFFINE(T)                                                          \
  template <>                                                                   \
  void affine(Cuda device, Span<T> y, Span<const T> x, const Affine& formula) { \
    scale_and_shift(device, y, x, formula);                                     \
  }
WEFT_AFFINE(float)
WEFT_AFFINE(double)
WEFT_AFFINE(half)
WEFT_AFFINE(bfloat16)

}  // namespace weft::kernels
