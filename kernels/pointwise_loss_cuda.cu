// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/pointwise_loss.h"
#include "weft/kernels/common/scratch.h"
#include "weft/kernels/common/team.h"

namespace weft::kernels {
namespace {

constexpr i64 kElementsPerPart = 16 * 1024;  // of the sum that one block makes

template <class Op, class T>
__global__ void __launch_bounds__(kThreads)
    loss_each_kernel(T* loss, const T* x, const T* t, Compute<T> p, i64 n, i64 packs) {
  map_elements(
      loss, n, packs, [=](Compute<T> x_i, Compute<T> t_i) { return Op::value(x_i, t_i, p); }, x, t);
}

template <class Op, class T>
__global__ void __launch_bounds__(kThreads)
    loss_parts_kernel(Compute<T>* partial, const T* x, const T* t, Compute<T> p, i64 n) {
  using C = Compute<T>;
  const i64 begin = blockIdx.x * kElementsPerPart,
            end = n - begin < kElementsPerPart ? n : begin + kElementsPerPart;
  C sum = 0;
  for (i64 i = begin + threadIdx.x; i < end; i += kThreads)
    sum += Op::value(static_cast<C>(x[i]), static_cast<C>(t[i]), p);
  sum = block_combine(sum, Plus{});
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    loss_total_kernel(T* loss, const Compute<T>* partial, Compute<T> scale, i64 parts) {
  Compute<T> sum = 0;
  for (i64 i = threadIdx.x; i < parts; i += kThreads) sum += partial[i];
  sum = block_combine(sum, Plus{});
  if (threadIdx.x == 0) *loss = static_cast<T>(scale * sum);
}

template <class Op, class T, bool kPerElement>
__global__ void __launch_bounds__(kThreads)
    loss_backward_kernel(T* dx, const T* dloss, const T* x, const T* t, Compute<T> p,
                         Compute<T> scale, i64 n, i64 packs) {
  using C = Compute<T>;
  if constexpr (kPerElement) {
    map_elements(
        dx, n, packs,
        [=](C dloss_i, C x_i, C t_i) { return scale * dloss_i * Op::slope(x_i, t_i, p); }, dloss, x,
        t);
  } else {
    const C factor = scale * static_cast<C>(dloss[0]);
    map_elements(
        dx, n, packs, [=](C x_i, C t_i) { return factor * Op::slope(x_i, t_i, p); }, x, t);
  }
}

}  // namespace

template <class Op, class T>
void pointwise_loss_each(Cuda device, T* loss, const T* x, const T* t, double parameter, i64 n) {
  if (n == 0) return;
  const i64 packs = packs_in<T>(n, loss, x, t);
  launch<loss_each_kernel<Op, T>>(on(device, blocks_for(turns<T>(n, packs))), loss, x, t,
                                  static_cast<Compute<T>>(parameter), n, packs);
}

template <class Op, class T>
void pointwise_loss_total(Cuda device, T* loss, const T* x, const T* t, double parameter,
                          double scale, i64 n) {
  using C = Compute<T>;
  const i64 parts = divide_up(n, kElementsPerPart);
  const Scratch<C> partial(device, parts);
  launch<loss_parts_kernel<Op, T>>(on(device, static_cast<u32>(parts)), partial.data(), x, t,
                                   static_cast<C>(parameter), n);
  launch<loss_total_kernel<T>>(on(device, 1), loss, partial.data(), static_cast<C>(scale), parts);
}

template <class Op, class T>
void pointwise_loss_backward(Cuda device, T* dx, const T* dloss, bool dloss_per_element, const T* x,
                             const T* t, double parameter, double scale, i64 n) {
  using C = Compute<T>;
  if (n == 0) return;
  const i64 packs = dloss_per_element ? packs_in<T>(n, dx, dloss, x, t) : packs_in<T>(n, dx, x, t);
  const LaunchConfig config = on(device, blocks_for(turns<T>(n, packs)));
  const C p = static_cast<C>(parameter), factor = static_cast<C>(scale);
  if (dloss_per_element)
    launch<loss_backward_kernel<Op, T, true>>(config, dx, dloss, x, t, p, factor, n, packs);
  else launch<loss_backward_kernel<Op, T, false>>(config, dx, dloss, x, t, p, factor, n, packs);
}

#define WEFT_LOSS_T(Op, T)                                                                      \
  template void pointwise_loss_each<Op, T>(Cuda, T*, const T*, const T*, double, i64);          \
  template void pointwise_loss_total<Op, T>(Cuda, T*, const T*, const T*, double, double, i64); \
  template void pointwise_loss_backward<Op, T>(Cuda, T*, const T*, bool, const T*, const T*,    \
                                               double, double, i64);
#define WEFT_LOSS(op, Op) \
  WEFT_LOSS_T(Op, float) WEFT_LOSS_T(Op, double) WEFT_LOSS_T(Op, half) WEFT_LOSS_T(Op, bfloat16)
WEFT_POINTWISE_LOSSES(WEFT_LOSS)

}  // namespace weft::kernels
