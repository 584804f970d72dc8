// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "weft/device/allocator.h"
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/pointwise_loss.h"
#include "weft/kernels/common/rows.h"

namespace weft::kernels {
namespace {
constexpr i64 kGrain = 16 * 1024;  // elements per thread below which a second thread costs more
constexpr i64 kBlock = 8 * 1024;   // elements summed in one go; fixed, so that results are too
}  // namespace

template <class Op, class T>
void pointwise_loss_each(Cpu, T* loss, const T* x, const T* t, double parameter, i64 n) {
  const T p = static_cast<T>(parameter);
  parallel_for(n, kGrain, [=](i64 begin, i64 end) {
    simd([=] {
      for (i64 i = begin; i < end; ++i) loss[i] = Op::value(x[i], t[i], p);
    });
  });
}

template <class Op, class T>
void pointwise_loss_total(Cpu, T* loss, const T* x, const T* t, double parameter, double scale,
                          i64 n) {
  const T p = static_cast<T>(parameter);
  const i64 blocks = (n + kBlock - 1) / kBlock;
  T* partial = static_cast<T*>(allocate(Cpu{}, blocks * static_cast<i64>(sizeof(T))));
  parallel_for(blocks, kGrain / kBlock, [=](i64 begin, i64 end) {
    simd([=] {
      for (i64 b = begin; b < end; ++b) {
        const i64 o = b * kBlock;
        partial[b] = row_sum<T>(std::min(kBlock, n - o),
                                [=](i64 i) { return Op::value(x[o + i], t[o + i], p); });
      }
    });
  });
  T total = 0;
  for (i64 b = 0; b < blocks; ++b) total += partial[b];
  *loss = static_cast<T>(scale) * total;
  deallocate(Cpu{}, partial, blocks * static_cast<i64>(sizeof(T)));
}

template <class Op, class T>
void pointwise_loss_backward(Cpu, T* dx, const T* dloss, bool dloss_per_element, const T* x,
                             const T* t, double parameter, double scale, i64 n) {
  const T p = static_cast<T>(parameter), factor = static_cast<T>(scale);
  parallel_for(n, kGrain, [=](i64 begin, i64 end) {
    simd([=] {
      if (dloss_per_element) {
        for (i64 i = begin; i < end; ++i) dx[i] = factor * dloss[i] * Op::slope(x[i], t[i], p);
      } else {
        const T d = factor * dloss[0];
        for (i64 i = begin; i < end; ++i) dx[i] = d * Op::slope(x[i], t[i], p);
      }
    });
  });
}

#define WEFT_LOSS_T(Op, T)                                                                     \
  template void pointwise_loss_each<Op, T>(Cpu, T*, const T*, const T*, double, i64);          \
  template void pointwise_loss_total<Op, T>(Cpu, T*, const T*, const T*, double, double, i64); \
  template void pointwise_loss_backward<Op, T>(Cpu, T*, const T*, bool, const T*, const T*,    \
                                               double, double, i64);
#define WEFT_LOSS(op, Op) WEFT_LOSS_T(Op, float) WEFT_LOSS_T(Op, double)
WEFT_POINTWISE_LOSSES(WEFT_LOSS)

}  // namespace weft::kernels
