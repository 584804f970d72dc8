// SPDX-License-Identifier: Apache-2.0
// Fused softmax cross-entropy with class labels. The probabilities are never stored.
//   math     with class weights w and k[r] = w[label[r]]:
//            max[r] = max_c x[r,c],  log_sum[r] = ln Σ_c e^(x[r,c] − max[r])
//            l[r,c] = (max[r] − x[r,c]) + log_sum[r], which is −ln of the probability of c
//            loss[r] = (1 − ε)·k[r]·l[r, label[r]] + ε/cols·Σ_c w[c]·l[r,c]
//            dx[r,c] = scale·dloss[r]·(((1 − ε)·k[r] + ε/cols·Σw)·e^−l[r,c]
//                                   − (1 − ε)·k[r]·[c = label[r]] − ε/cols·w[c])
//            all 0 in a row whose label is ignored
//            mean: loss = sum/weight and share = 1/weight; both 0 if weight is 0
//   shapes   x, dx (rows, cols); loss (double), max, log_sum, row_weight, label (rows); w (cols);
//            dloss () or (rows), on the device; all arrays of the mean ()
//   saved    x, max, log_sum, share
//   aliasing none
//   source   label smoothing ε: Szegedy et al. 2015, arXiv:1512.00567 §7
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/half.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

// The terms of the loss that depend on the options of the label.
template <class T>
struct LabelTerms {
  double smoothing = 0;                      // ε
  const T* class_weights = nullptr;          // w, on the device; null means all 1
  const double* class_weight_sum = nullptr;  // Σw, given with w
  bool ignores = false;
  i64 ignore_index = 0;

  WEFT_HOST_DEVICE bool ignored(i64 label) const { return ignores && label == ignore_index; }
};

// ln Σ e^x of each row in two parts, see Note [Log of a sum of exponentials] in softmax_row.h.
template <class T>
struct RowLogSums {
  T *max = nullptr, *log_sum = nullptr;

  template <std::same_as<T> U>
  WEFT_HOST_DEVICE operator RowLogSums<const U>() const {
    return {max, log_sum};
  }
};

// The results of each row. row_weight is k, or 0 in an ignored row, and may be null. Losses are
// double, because their mean may be in the range of T where one of them, or their sum, is not.
template <class T>
struct CrossEntropyRows {
  double* loss = nullptr;
  T* row_weight = nullptr;
  RowLogSums<T> saved;
  i64* bad_row = nullptr;  // shape ()
};
// The loss of a row whose label is outside [0, cols) is NaN. *bad_row is the index of the first
// such row, or −1 if there is none.
template <class T, class Device>
void cross_entropy_forward(Device device, const CrossEntropyRows<T>& out, Rows<const T> x,
                           const i64* label, const LabelTerms<T>& terms);

template <class T>
struct CrossEntropyMean {
  T* loss = nullptr;
  double* share = nullptr;
  const double *sum = nullptr, *weight = nullptr;
};
template <class T, class Device>
void cross_entropy_mean(Device device, const CrossEntropyMean<T>& mean);

// The gradient of the loss, a scalar or one value per row, times the share of a row in a mean.
template <class T>
struct RowLossGradient {
  const T* dloss = nullptr;
  bool per_row = false;
  const double* share = nullptr;  // null means 1

  WEFT_HOST_DEVICE double of(i64 row) const {
    const auto own = static_cast<Compute<T>>(dloss[per_row ? row : 0]);
    return static_cast<double>(own) * (share != nullptr ? *share : 1.0);
  }
};
template <class T, class Device>
void cross_entropy_backward(Device device, Rows<T> dx, Rows<const T> x, RowLogSums<const T> saved,
                            const i64* label, RowLossGradient<T> gradient, double scale,
                            const LabelTerms<T>& terms);

}  // namespace weft::kernels
