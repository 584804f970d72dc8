// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/pointwise_loss.h"
#include "weft/kernels/common/scratch.h"
#include "weft/kernels/common/team.h"

namespace weft::kernels {
namespace {

constexpr i64 kElementsPerPart = 16 * 1024;  // elements that one block sums

template <class Op, class T>
__global__ void __launch_bounds__(kThreads)
    loss_each_kernel(Span<T> loss, Span<const T> x, Span<const T> t, Compute<T> p, i64 packs) {
  using C = Compute<T>;
  map_elements(
      loss, packs, [=](C x_i, C t_i) { return static_cast<C>(Op::value(x_i, t_i, p)); }, x, t);
}

template <class Op, class T>
__global__ void __launch_bounds__(kThreads)
    loss_parts_kernel(double* partial, Span<const T> x, Span<const T> t, Compute<T> p) {
  using C = Compute<T>;
  const i64 n = x.size;
  const i64 begin = blockIdx.x * kElementsPerPart,
            end = n - begin < kElementsPerPart ? n : begin + kElementsPerPart;
  double sum = 0;
  for (i64 i = begin + threadIdx.x; i < end; i += kThreads)
    sum += Op::value(static_cast<C>(x[i]), static_cast<C>(t[i]), p);
  sum = block_combine(sum, Plus{});
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    loss_total_kernel(T* loss, Span<const double> partial, double scale) {
  double sum = 0;
  for (i64 i = threadIdx.x; i < partial.size; i += kThreads) sum += partial[i];
  sum = block_combine(sum, Plus{});
  if (threadIdx.x == 0) *loss = converted<T>(scale * sum);
}

template <class Op, class T, bool kPerElement>
__global__ void __launch_bounds__(kThreads)
    loss_backward_kernel(Span<T> dx, const T* dloss, Span<const T> x, Span<const T> t, Compute<T> p,
                         double scale, i64 packs) {
  using C = Compute<T>;
  using Slope = LossSlope<Op, C>;
  const auto factor = [=](C dloss_i) {
    return static_cast<Slope>(scale * static_cast<double>(dloss_i));
  };
  if constexpr (kPerElement) {
    map_elements(
        dx, packs,
        [=](C dloss_i, C x_i, C t_i) {
          return static_cast<C>(factor(dloss_i) * Op::slope(x_i, t_i, p));
        },
        Span<const T>{dloss, dx.size}, x, t);
  } else {
    const Slope d = factor(static_cast<C>(dloss[0]));
    map_elements(
        dx, packs, [=](C x_i, C t_i) { return static_cast<C>(d * Op::slope(x_i, t_i, p)); }, x, t);
  }
}

template <class Op, class T>
void each(Cuda device, Span<T> loss, Span<const T> x, Span<const T> t, double parameter) {
  if (loss.size == 0) return;
  const i64 packs = packs_in<T>(loss.size, loss.data, x.data, t.data);
  launch<loss_each_kernel<Op, T>>(on(device, blocks_for(iterations<T>(loss.size, packs))), loss, x,
                                  t, static_cast<Compute<T>>(parameter), packs);
}

template <class Op, class T>
void total(Cuda device, T* loss, Span<const T> x, Span<const T> t, double parameter, double scale) {
  using C = Compute<T>;
  const i64 parts = divide_up(x.size, kElementsPerPart);
  const Scratch<double> partial(device, parts);
  launch<loss_parts_kernel<Op, T>>(on(device, static_cast<u32>(parts)), partial.data(), x, t,
                                   static_cast<C>(parameter));
  launch<loss_total_kernel<T>>(on(device, 1), loss, Span<const double>{partial.data(), parts},
                               scale);
}

template <class Op, class T>
void backward(Cuda device, Span<T> dx, PointwiseLossGradient<T> gradient, Span<const T> x,
              Span<const T> t, double parameter, double scale) {
  using C = Compute<T>;
  const i64 n = dx.size;
  const T* dloss = gradient.dloss;
  if (n == 0) return;
  const i64 packs = gradient.per_element ? packs_in<T>(n, dx.data, dloss, x.data, t.data)
                                         : packs_in<T>(n, dx.data, x.data, t.data);
  const LaunchConfig config = on(device, blocks_for(iterations<T>(n, packs)));
  const C p = static_cast<C>(parameter);
  if (gradient.per_element)
    launch<loss_backward_kernel<Op, T, true>>(config, dx, dloss, x, t, p, scale, packs);
  else launch<loss_backward_kernel<Op, T, false>>(config, dx, dloss, x, t, p, scale, packs);
}

}  // namespace

#define WEFT_LOSS_T(Op, T)                                                                     \
  template <>                                                                                  \
  void pointwise_loss_each<Op>(Cuda device, Span<T> loss, Span<const T> x, Span<const T> t,    \
                               double parameter) {                                             \
    each<Op>(device, loss, x, t, parameter);                                                   \
  }                                                                                            \
  template <>                                                                                  \
  void pointwise_loss_total<Op>(Cuda device, T * loss, Span<const T> x, Span<const T> t,       \
                                double parameter, double scale) {                              \
    total<Op>(device, loss, x, t, parameter, scale);                                           \
  }                                                                                            \
  template <>                                                                                  \
  void pointwise_loss_backward<Op>(Cuda device, Span<T> dx, PointwiseLossGradient<T> gradient, \
                                   Span<const T> x, Span<const T> t, double parameter,         \
                                   double scale) {                                             \
    backward<Op>(device, dx, gradient, x, t, parameter, scale);                                \
  }
#define WEFT_LOSS(op, Op) \
  WEFT_LOSS_T(Op, float) WEFT_LOSS_T(Op, double) WEFT_LOSS_T(Op, half) WEFT_LOSS_T(Op, bfloat16)
WEFT_POINTWISE_LOSSES(WEFT_LOSS)

}  // namespace weft::kernels
