// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/pointwise_loss.h"
#include "weft/kernels/common/rows.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

constexpr i64 kGrain = 16 * 1024;  // the fewest elements that a thread processes
// The elements of a block. The size is fixed, so that results do not depend on the threads.
constexpr i64 kBlock = 8 * 1024;

template <class Op, class T>
void each(Span<T> loss, Span<const T> x, Span<const T> t, double parameter) {
  const T p = static_cast<T>(parameter);
  parallel_for(loss.size, kGrain, [=](i64 begin, i64 end) {
    simd([=] {
      for (i64 i = begin; i < end; ++i) loss[i] = static_cast<T>(Op::value(x[i], t[i], p));
    });
  });
}

template <class Op, class T>
void total(T* loss, Span<const T> x, Span<const T> t, double parameter, double scale) {
  const T p = static_cast<T>(parameter);
  const i64 n = x.size, blocks = (n + kBlock - 1) / kBlock;
  const Scratch<double, Cpu> sums(Cpu{}, blocks);
  double* partial = sums.data();
  parallel_for(blocks, kGrain / kBlock, [=](i64 begin, i64 end) {
    simd([=] {
      for (i64 b = begin; b < end; ++b) {
        const i64 o = b * kBlock;
        partial[b] = row_sum(std::min(kBlock, n - o),
                             [=](i64 i) { return Op::value(x[o + i], t[o + i], p); });
      }
    });
  });
  *loss = static_cast<T>(scale * row_sum(blocks, [=](i64 b) { return partial[b]; }));
}

template <class Op, class T>
void backward(Span<T> dx, PointwiseLossGradient<T> gradient, Span<const T> x, Span<const T> t,
              double parameter, double scale) {
  const T* dloss = gradient.dloss;
  const T p = static_cast<T>(parameter);
  using Slope = LossSlope<Op, T>;
  const auto factor = [=](i64 i) {
    return static_cast<Slope>(scale * static_cast<double>(dloss[i]));
  };
  parallel_for(dx.size, kGrain, [=](i64 begin, i64 end) {
    simd([=] {
      if (gradient.per_element) {
        for (i64 i = begin; i < end; ++i)
          dx[i] = static_cast<T>(factor(i) * Op::slope(x[i], t[i], p));
      } else {
        const Slope d = factor(0);
        for (i64 i = begin; i < end; ++i) dx[i] = static_cast<T>(d * Op::slope(x[i], t[i], p));
      }
    });
  });
}

}  // namespace

#define WEFT_LOSS_T(Op, T)                                                                         \
  template <>                                                                                      \
  void pointwise_loss_each<Op>(Cpu, Span<T> loss, Span<const T> x, Span<const T> t,                \
                               double parameter) {                                                 \
    each<Op>(loss, x, t, parameter);                                                               \
  }                                                                                                \
  template <>                                                                                      \
  void pointwise_loss_total<Op>(Cpu, T * loss, Span<const T> x, Span<const T> t, double parameter, \
                                double scale) {                                                    \
    total<Op>(loss, x, t, parameter, scale);                                                       \
  }                                                                                                \
  template <>                                                                                      \
  void pointwise_loss_backward<Op>(Cpu, Span<T> dx, PointwiseLossGradient<T> gradient,             \
                                   Span<const T> x, Span<const T> t, double parameter,             \
                                   double scale) {                                                 \
    backward<Op>(dx, gradient, x, t, parameter, scale);                                            \
  }
#define WEFT_LOSS(op, Op) WEFT_LOSS_T(Op, float) WEFT_LOSS_T(Op, double)
WEFT_POINTWISE_LOSSES(WEFT_LOSS)

}  // namespace weft::kernels
