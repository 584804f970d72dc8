// SPDX-License-Identifier: Apache-2.0
// Softmax cross-entropy against class labels, fused: the probabilities are never stored.
//   math     with class weights w and k[r] = w[label[r]]:
//            lse[r] = ln Σ_c e^x[r,c]
//            loss[r] = (1 − ε)·k[r]·(lse[r] − x[r, label[r]]) + ε/cols·Σ_c w[c]·(lse[r] − x[r,c])
//            dx[r,c] = scale·dloss·(((1 − ε)·k[r] + ε/cols·Σw)·e^(x[r,c] − lse[r])
//                                   − (1 − ε)·k[r]·[c = label[r]] − ε/cols·w[c])
//            all 0 in a row whose label is ignored
//            mean: loss = sum/weight and share = 1/weight; both 0 where weight is
//   shapes   x, dx (rows, cols), loss, lse, row_weight, label (rows), w (cols), dloss () on the device; of the
//            mean, all ()
//   saved    x, lse, share
//   aliasing of the mean, loss may be sum
//   source   label smoothing ε: Szegedy et al. 2015, arXiv:1512.00567 §7
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"
#include "weft/kernels/common/host_device.h"

namespace weft::kernels {

// How the labels count.
template <class T>
struct LabelTerms {
  double smoothing = 0;                 // ε
  const T* class_weights = nullptr;     // w, on the device; null: all 1
  const T* class_weight_sum = nullptr;  // Σw, beside w
  bool ignores = false;
  i64 ignore_index = 0;

  WEFT_HOST_DEVICE bool ignored(i64 label) const { return ignores && label == ignore_index; }
};

// A label outside [0, cols) gives that row a loss of NaN and *bad_row its number (the first one's;
// −1 if there is none). row_weight, k where a row is not ignored, may be null.
template <class T>
void cross_entropy_forward(Cpu, T* loss, T* lse, T* row_weight, i64* bad_row, const T* x,
                           const i64* label, const LabelTerms<T>& terms, i64 rows, i64 cols);
template <class T>
void cross_entropy_forward(Cuda, T* loss, T* lse, T* row_weight, i64* bad_row, const T* x,
                           const i64* label, const LabelTerms<T>& terms, i64 rows, i64 cols);
template <class T>
void cross_entropy_mean(Cpu, T* loss, T* share, const T* sum, const T* weight);
template <class T>
void cross_entropy_mean(Cuda, T* loss, T* share, const T* sum, const T* weight);
template <class T>
void cross_entropy_backward(Cpu, T* dx, const T* x, const T* lse, const i64* label, const T* dloss,
                            double scale, const LabelTerms<T>& terms, i64 rows, i64 cols);
template <class T>
void cross_entropy_backward(Cuda, T* dx, const T* x, const T* lse, const i64* label, const T* dloss,
                            double scale, const LabelTerms<T>& terms, i64 rows, i64 cols);

}  // namespace weft::kernels
