// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/cross_entropy_soft.h"
#include "weft/kernels/softmax_row.h"

namespace weft::kernels {
namespace {

// w[c]·t'[r,c] of one row.
template <class T>
struct TargetShares {
  const T *t, *w;
  T keep, spread;

  T operator()(i64 c) const {
    const T one = keep * t[c] + spread;
    return w != nullptr ? w[c] * one : one;
  }
};
template <class T>
TargetShares<T> target_shares(Rows<const T> t, i64 row, const SoftTerms<T>& terms) {
  const T smoothing = static_cast<T>(terms.smoothing);
  return {t.row(row), terms.class_weights, T(1) - smoothing, smoothing / static_cast<T>(t.cols)};
}

template <class T>
void soft_forward(const SoftCrossEntropyRows<T>& out, Rows<const T> x, Rows<const T> t,
                  const SoftTerms<T>& terms) {
  const i64 cols = x.cols;
  for_rows(x.rows, cols, [=](i64 r) {
    const T* xr = x.row(r);
    const LogSumExp<T> row = row_log_sum_exp(xr, cols);
    out.saved.max[r] = row.max;
    out.saved.log_sum[r] = row.log_sum;
    const double max = row.max, log_sum = row.log_sum;
    const TargetShares<T> share = target_shares(t, r, terms);
    out.row_weight[r] = static_cast<T>(row_sum(cols, share));
    out.loss[r] = row_sum(cols, [=](i64 c) {
      return static_cast<double>(share(c)) * ((max - static_cast<double>(xr[c])) + log_sum);
    });
  });
}

template <class T>
void soft_backward(const SoftCrossEntropyGradients<T>& out, Rows<const T> x, Rows<const T> t,
                   const SoftCrossEntropySaved<T>& saved, RowLossGradient<T> gradient, double scale,
                   const SoftTerms<T>& terms) {
  const i64 cols = x.cols;
  for_rows(x.rows, cols, [=](i64 r) {
    const T* xr = x.row(r);
    const T max = saved.log_sums.max[r], log_sum = saved.log_sums.log_sum[r];
    const double wide_factor = scale * gradient.of(r);
    const T factor = static_cast<T>(wide_factor), k = saved.row_weight[r];
    const TargetShares<T> share = target_shares(t, r, terms);
    for (i64 c = 0; c < cols; ++c) {
      const T minus_l = (xr[c] - max) - log_sum, of_target = share(c);
      const T on = share.w != nullptr ? share.w[c] * share.keep : share.keep;
      if (out.dx != nullptr) out.dx[r * cols + c] = factor * (k * math::exp(minus_l) - of_target);
      if (out.dt != nullptr)
        out.dt[r * cols + c] =
            static_cast<T>(-wide_factor * static_cast<double>(on) * static_cast<double>(minus_l));
    }
  });
}

}  // namespace

#define WEFT_CROSS_ENTROPY_SOFT(T)                                                                \
  template <>                                                                                     \
  void cross_entropy_soft_forward(Cpu, const SoftCrossEntropyRows<T>& out, Rows<const T> x,       \
                                  Rows<const T> t, const SoftTerms<T>& terms) {                   \
    soft_forward(out, x, t, terms);                                                               \
  }                                                                                               \
  template <>                                                                                     \
  void cross_entropy_soft_backward(Cpu, const SoftCrossEntropyGradients<T>& out, Rows<const T> x, \
                                   Rows<const T> t, const SoftCrossEntropySaved<T>& saved,        \
                                   RowLossGradient<T> gradient, double scale,                     \
                                   const SoftTerms<T>& terms) {                                   \
    soft_backward(out, x, t, saved, gradient, scale, terms);                                      \
  }
WEFT_CROSS_ENTROPY_SOFT(float)
WEFT_CROSS_ENTROPY_SOFT(double)

}  // namespace weft::kernels
