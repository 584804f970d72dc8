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

template <class T>
void forward(const CrossEntropyRows<T>& out, Rows<const T> x, const i64* label,
             const LabelTerms<T>& terms) {
  const i64 cols = x.cols;
  T *loss = out.loss, *row_weight = out.row_weight;
  const RowLogSums<T> saved = out.saved;
  std::atomic<i64> bad{-1};
  const T smoothing = static_cast<T>(terms.smoothing), spread = smoothing / static_cast<T>(cols);
  const T* w = terms.class_weights;
  parallel_for(x.rows, grain(cols), [&](i64 begin, i64 end) {
    simd([&] {
      for (i64 r = begin; r < end; ++r) {
        const T* xr = x.row(r);
        loss[r] = saved.max[r] = saved.log_sum[r] = 0;
        if (row_weight != nullptr) row_weight[r] = 0;
        if (terms.ignored(label[r])) continue;
        const LogSumExp<T> row = row_log_sum_exp(xr, cols);
        const T max = saved.max[r] = row.max, log_sum = saved.log_sum[r] = row.log_sum;
        if (label[r] < 0 || label[r] >= cols) {
          loss[r] = std::numeric_limits<T>::quiet_NaN();
          i64 first = bad;
          while ((first < 0 || r < first) && !bad.compare_exchange_weak(first, r)) {
          }
          continue;
        }
        const T k = w != nullptr ? w[label[r]] : T(1);
        if (row_weight != nullptr) row_weight[r] = k;
        loss[r] = k * ((max - xr[label[r]]) + log_sum);
        if (smoothing == T(0)) continue;
        const double sum = row_sum(cols, [=](i64 c) {
          const T one = (max - xr[c]) + log_sum;
          return w != nullptr ? w[c] * one : one;
        });
        loss[r] = (T(1) - smoothing) * loss[r] + spread * static_cast<T>(sum);
      }
    });
  });
  *out.bad_row = bad;
}

template <class T>
void weighted_mean(const CrossEntropyMean<T>& mean) {
  *mean.share = *mean.weight > T(0) ? T(1) / *mean.weight : T(0);
  *mean.loss = *mean.weight == T(0) ? T(0) : *mean.sum / *mean.weight;
}

template <class T>
void backward(Rows<T> dx, Rows<const T> x, RowLogSums<const T> saved, const i64* label,
              RowLossGradient<T> gradient, double scale, const LabelTerms<T>& terms) {
  const i64 cols = x.cols;
  const T smoothing = static_cast<T>(terms.smoothing), spread = smoothing / static_cast<T>(cols);
  const T* w = terms.class_weights;
  parallel_for(x.rows, grain(cols), [=](i64 begin, i64 end) {
    simd([=] {
      for (i64 r = begin; r < end; ++r) {
        T* to = dx.row(r);
        const T* from = x.row(r);
        if (terms.ignored(label[r])) {
          std::fill_n(to, cols, T(0));
          continue;
        }
        const T factor = static_cast<T>(scale) * gradient.of(r);
        const T max = saved.max[r], log_sum = saved.log_sum[r];
        if (w == nullptr) {
          for (i64 c = 0; c < cols; ++c)
            to[c] = factor * (math::exp((from[c] - max) - log_sum) - spread);
          to[label[r]] -= factor * (T(1) - smoothing);
          continue;
        }
        const T on = (T(1) - smoothing) * w[label[r]];
        const T all = smoothing == T(0) ? on : on + spread * *terms.class_weight_sum;
        for (i64 c = 0; c < cols; ++c)
          to[c] = factor * (all * math::exp((from[c] - max) - log_sum) - spread * w[c]);
        to[label[r]] -= factor * on;
      }
    });
  });
}

}  // namespace

#define WEFT_CROSS_ENTROPY(T)                                                              \
  template <>                                                                              \
  void cross_entropy_forward(Cpu, const CrossEntropyRows<T>& out, Rows<const T> x,         \
                             const i64* label, const LabelTerms<T>& terms) {               \
    forward(out, x, label, terms);                                                         \
  }                                                                                        \
  template <>                                                                              \
  void cross_entropy_mean(Cpu, const CrossEntropyMean<T>& mean) {                          \
    weighted_mean(mean);                                                                   \
  }                                                                                        \
  template <>                                                                              \
  void cross_entropy_backward(Cpu, Rows<T> dx, Rows<const T> x, RowLogSums<const T> saved, \
                              const i64* label, RowLossGradient<T> gradient, double scale, \
                              const LabelTerms<T>& terms) {                                \
    backward(dx, x, saved, label, gradient, scale, terms);                                 \
  }
WEFT_CROSS_ENTROPY(float)
WEFT_CROSS_ENTROPY(double)

}  // namespace weft::kernels
