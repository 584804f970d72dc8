// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/elementwise.h"
#include "weft/kernels/common/grid.h"

namespace weft::kernels {
namespace {

template <class Op, class T>
__global__ void __launch_bounds__(kThreads)
    unary_forward_kernel(T* y, const T* x, i64 n, i64 packs) {
  map_elements(
      y, n, packs, [](Compute<T> value) { return Op::value(value); }, x);
}

template <class Op, class T>
__global__ void __launch_bounds__(kThreads)
    unary_backward_kernel(T* dx, const T* dy, const T* kept, i64 n, i64 packs) {
  map_elements(
      dx, n, packs, [](Compute<T> dy_i, Compute<T> kept_i) { return dy_i * Op::slope(kept_i); }, dy,
      kept);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    affine_kernel(T* y, const T* x, Compute<T> scale, Compute<T> shift, i64 n, i64 packs) {
  map_elements(
      y, n, packs, [=](Compute<T> value) { return scale * value + shift; }, x);
}

}  // namespace

template <class Op, class T>
void unary_forward(Cuda device, T* y, const T* x, i64 n) {
  if (n == 0) return;
  const i64 packs = packs_in<T>(n, y, x);
  launch<unary_forward_kernel<Op, T>>(on(device, blocks_for(turns<T>(n, packs))), y, x, n, packs);
}

template <class Op, class T>
void unary_backward(Cuda device, T* dx, const T* dy, const T* kept, i64 n) {
  if (n == 0) return;
  const i64 packs = packs_in<T>(n, dx, dy, kept);
  launch<unary_backward_kernel<Op, T>>(on(device, blocks_for(turns<T>(n, packs))), dx, dy, kept, n,
                                       packs);
}

template <class T>
void affine(Cuda device, T* y, const T* x, double scale, double shift, i64 n) {
  if (n == 0) return;
  const i64 packs = packs_in<T>(n, y, x);
  launch<affine_kernel<T>>(on(device, blocks_for(turns<T>(n, packs))), y, x,
                           static_cast<Compute<T>>(scale), static_cast<Compute<T>>(shift), n,
                           packs);
}

#define WEFT_UNARY_T(Op, T)                                    \
  template void unary_forward<Op, T>(Cuda, T*, const T*, i64); \
  template void unary_backward<Op, T>(Cuda, T*, const T*, const T*, i64);
#define WEFT_UNARY(op, Op) \
  WEFT_UNARY_T(Op, float)  \
  WEFT_UNARY_T(Op, double) \
  WEFT_UNARY_T(Op, half)   \
  WEFT_UNARY_T(Op, bfloat16)
WEFT_UNARY_OPS(WEFT_UNARY)

template void affine(Cuda, float*, const float*, double, double, i64);
template void affine(Cuda, double*, const double*, double, double, i64);
template void affine(Cuda, half*, const half*, double, double, i64);
template void affine(Cuda, bfloat16*, const bfloat16*, double, double, i64);

}  // namespace weft::kernels
