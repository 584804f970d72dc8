// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <cmath>
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
  double* loss = out.loss;
  T* row_weight = out.row_weight;
  const RowLogSums<T> saved = out.saved;
  std::atomic<i64> bad{-1};
  const double smoothing = terms.smoothing, spread = smoothing / static_cast<double>(cols);
  const T* w = terms.class_weights;
  parallel_for(x.rows, grain(cols), [&](i64 begin, i64 end) {
    simd([&] {
      for (i64 r = begin; r < end; ++r) {
        const T* xr = x.row(r);
        loss[r] = 0;
        saved.max[r] = saved.log_sum[r] = 0;
        if (row_weight != nullptr) row_weight[r] = 0;
        if (terms.ignored(label[r])) continue;
        const LogSumExp<T> row = row_log_sum_exp(xr, cols);
        saved.max[r] = row.max;
        saved.log_sum[r] = row.log_sum;
        const double max = row.max, log_sum = row.log_sum;
        if (label[r] < 0 || label[r] >= cols) {
          loss[r] = std::numeric_limits<double>::quiet_NaN();
          i64 first = bad;
          while ((first < 0 || r < first) && !bad.compare_exchange_weak(first, r)) {
          }
          continue;
        }
        const T k = w != nullptr ? w[label[r]] : T(1);
        if (row_weight != nullptr) row_weight[r] = k;
        const auto minus_log = [=](i64 c) { return (max - static_cast<double>(xr[c])) + log_sum; };
        loss[r] = static_cast<double>(k) * minus_log(label[r]);
        if (smoothing == 0) continue;
        const double sum = row_sum(cols, [=](i64 c) {
          return w != nullptr ? static_cast<double>(w[c]) * minus_log(c) : minus_log(c);
        });
        loss[r] = (1 - smoothing) * loss[r] + spread * sum;
      }
    });
  });
  *out.bad_row = bad;
}

template <class T>
void weighted_mean(const CrossEntropyMean<T>& mean) {
  *mean.share = *mean.weight > 0 ? 1 / *mean.weight : 0;
  *mean.loss = static_cast<T>(*mean.weight == 0 ? 0 : *mean.sum / *mean.weight);
}

// Whether T holds x with all of its digits.
template <class T>
bool is_normal(double x) {
  const double size = std::abs(x);
  return size == 0 || (size >= static_cast<double>(std::numeric_limits<T>::min()) &&
                       size <= static_cast<double>(std::numeric_limits<T>::max()));
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
        const double wide_factor = scale * gradient.of(r);
        const T factor = static_cast<T>(wide_factor);
        const T max = saved.max[r], log_sum = saved.log_sum[r];
        if (w == nullptr) {
          for (i64 c = 0; c < cols; ++c)
            to[c] = factor * (math::exp((from[c] - max) - log_sum) - spread);
          to[label[r]] -= factor * (T(1) - smoothing);
          continue;
        }
        const double share = terms.smoothing / static_cast<double>(cols);
        const double on = (1 - terms.smoothing) * static_cast<double>(w[label[r]]);
        const double all = terms.smoothing == 0 ? on : on + share * *terms.class_weight_sum;
        if (is_normal<T>(wide_factor) && is_normal<T>(all) && is_normal<T>(on) &&
            is_normal<T>(share)) {
          const T all_t = static_cast<T>(all), share_t = static_cast<T>(share);
          for (i64 c = 0; c < cols; ++c)
            to[c] = factor * (all_t * math::exp((from[c] - max) - log_sum) - share_t * w[c]);
          to[label[r]] -= factor * static_cast<T>(on);
          continue;
        }
        for (i64 c = 0; c < cols; ++c) {
          const double probability = math::exp((from[c] - max) - log_sum);
          const double off = share * static_cast<double>(w[c]) + (c == label[r] ? on : 0.0);
          to[c] = static_cast<T>(wide_factor * (all * probability - off));
        }
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
