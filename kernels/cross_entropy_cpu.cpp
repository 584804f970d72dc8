// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
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
void cross_entropy_forward(Cpu, T* loss, T* lse, T* row_weight, i64* bad_row, const T* x,
                           const i64* label, const LabelTerms<T>& terms, i64 rows, i64 cols) {
  std::atomic<i64> bad{-1};
  const T smoothing = static_cast<T>(terms.smoothing), spread = smoothing / static_cast<T>(cols);
  const T* w = terms.class_weights;
  parallel_for(rows, grain(cols), [&](i64 begin, i64 end) {
    simd([&] {
      for (i64 r = begin; r < end; ++r) {
        const T* xr = x + r * cols;
        loss[r] = lse[r] = 0;
        if (row_weight != nullptr) row_weight[r] = 0;
        if (terms.ignored(label[r])) continue;
        lse[r] = row_log_sum_exp(xr, cols);
        if (label[r] < 0 || label[r] >= cols) {
          loss[r] = std::numeric_limits<T>::quiet_NaN();
          i64 first = bad;
          while ((first < 0 || r < first) && !bad.compare_exchange_weak(first, r)) {
          }
          continue;
        }
        const T k = w != nullptr ? w[label[r]] : T(1);
        if (row_weight != nullptr) row_weight[r] = k;
        loss[r] = k * (lse[r] - xr[label[r]]);
        if (smoothing == T(0)) continue;
        const T sum = row_sum<T>(cols, [=](i64 c) { return w != nullptr ? w[c] * xr[c] : xr[c]; });
        const T all = w != nullptr ? *terms.class_weight_sum : static_cast<T>(cols);
        loss[r] = (T(1) - smoothing) * loss[r] + spread * (all * lse[r] - sum);
      }
    });
  });
  *bad_row = bad;
}

template <class T>
void cross_entropy_mean(Cpu, T* loss, T* share, const T* sum, const T* weight) {
  *share = *weight > T(0) ? T(1) / *weight : T(0);
  *loss = *sum * *share;
}

template <class T>
void cross_entropy_backward(Cpu, T* dx, const T* x, const T* lse, const i64* label, const T* dloss,
                            double scale, const LabelTerms<T>& terms, i64 rows, i64 cols) {
  const T factor = static_cast<T>(scale) * dloss[0];
  const T smoothing = static_cast<T>(terms.smoothing), spread = smoothing / static_cast<T>(cols);
  const T* w = terms.class_weights;
  parallel_for(rows, grain(cols), [=](i64 begin, i64 end) {
    simd([=] {
      for (i64 r = begin; r < end; ++r) {
        T* to = dx + r * cols;
        const T* from = x + r * cols;
        if (terms.ignored(label[r])) {
          std::fill_n(to, cols, T(0));
          continue;
        }
        const T row_lse = lse[r];
        if (w == nullptr) {
          for (i64 c = 0; c < cols; ++c) to[c] = factor * (math::exp(from[c] - row_lse) - spread);
          to[label[r]] -= factor * (T(1) - smoothing);
          continue;
        }
        const T on = (T(1) - smoothing) * w[label[r]];
        const T all = smoothing == T(0) ? on : on + spread * *terms.class_weight_sum;
        for (i64 c = 0; c < cols; ++c)
          to[c] = factor * (all * math::exp(from[c] - row_lse) - spread * w[c]);
        to[label[r]] -= factor * on;
      }
    });
  });
}

#define WEFT_CROSS_ENTROPY(T)                                                                     \
  template void cross_entropy_forward(Cpu, T*, T*, T*, i64*, const T*, const i64*,                \
                                      const LabelTerms<T>&, i64, i64);                            \
  template void cross_entropy_mean(Cpu, T*, T*, const T*, const T*);                              \
  template void cross_entropy_backward(Cpu, T*, const T*, const T*, const i64*, const T*, double, \
                                       const LabelTerms<T>&, i64, i64);
WEFT_CROSS_ENTROPY(float)
WEFT_CROSS_ENTROPY(double)

}  // namespace weft::kernels
