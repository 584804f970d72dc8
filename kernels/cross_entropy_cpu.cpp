// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <limits>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/cross_entropy.h"
#include "weft/kernels/softmax_row.h"

namespace weft::kernels {
namespace {
i64 grain(i64 cols) { return 4096 / (cols + 1) + 1; }
}  // namespace

template <class T>
void cross_entropy_forward(Cpu, T* loss, T* lse, i64* bad_row, const T* x, const i64* label,
                           double smoothing, i64 rows, i64 cols) {
  std::atomic<i64> bad{-1};
  const T spread = static_cast<T>(smoothing), mean_weight = spread / static_cast<T>(cols);
  parallel_for(rows, grain(cols), [&](i64 begin, i64 end) {
    simd([&] {
      for (i64 r = begin; r < end; ++r) {
        const T* xr = x + r * cols;
        lse[r] = row_log_sum_exp(xr, cols);
        if (label[r] < 0 || label[r] >= cols) {
          loss[r] = std::numeric_limits<T>::quiet_NaN();
          i64 first = bad;
          while ((first < 0 || r < first) && !bad.compare_exchange_weak(first, r)) {
          }
          continue;
        }
        loss[r] = lse[r] - (T(1) - spread) * xr[label[r]];
        if (spread != T(0)) loss[r] -= mean_weight * row_sum<T>(cols, [=](i64 c) { return xr[c]; });
      }
    });
  });
  *bad_row = bad;
}

template <class T>
void cross_entropy_backward(Cpu, T* dx, const T* x, const T* lse, const i64* label, const T* dloss,
                            double scale, double smoothing, i64 rows, i64 cols) {
  const T factor = static_cast<T>(scale) * dloss[0];
  const T off = static_cast<T>(smoothing) / static_cast<T>(cols),
          on = T(1) - static_cast<T>(smoothing);
  parallel_for(rows, grain(cols), [=](i64 begin, i64 end) {
    simd([=] {
      for (i64 r = begin; r < end; ++r) {
        const i64 o = r * cols;
        for (i64 c = 0; c < cols; ++c) dx[o + c] = factor * (math::exp(x[o + c] - lse[r]) - off);
        dx[o + label[r]] -= factor * on;
      }
    });
  });
}

#define WEFT_CROSS_ENTROPY(T)                                                                     \
  template void cross_entropy_forward(Cpu, T*, T*, i64*, const T*, const i64*, double, i64, i64); \
  template void cross_entropy_backward(Cpu, T*, const T*, const T*, const i64*, const T*, double, \
                                       double, i64, i64);
WEFT_CROSS_ENTROPY(float)
WEFT_CROSS_ENTROPY(double)

}  // namespace weft::kernels
