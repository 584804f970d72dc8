// SPDX-License-Identifier: Apache-2.0
// Fused softmax cross-entropy with class probabilities as targets.
//   math     with class weights w, l[r,c] of cross_entropy.h, t'[r,c] = (1 − ε)·t[r,c] + ε/cols:
//            k[r] = Σ_c w[c]·t'[r,c]
//            loss[r] = Σ_c w[c]·t'[r,c]·l[r,c]
//            dx[r,c] = scale·dloss[r]·(k[r]·e^−l[r,c] − w[c]·t'[r,c])
//            dt[r,c] = scale·dloss[r]·(1 − ε)·w[c]·l[r,c]
//   shapes   x, t, dx, dt (rows, cols); loss (double), max, log_sum, k (rows); w (cols);
//            dloss () or (rows), on the device
//   saved    x, t, max, log_sum, k
//   aliasing none
//   source   label smoothing ε of probabilities: as in PyTorch's cross_entropy
#pragma once
#include "weft/kernels/cross_entropy.h"

namespace weft::kernels {

// The terms of the loss that depend on the options of the target.
template <class T>
struct SoftTerms {
  double smoothing = 0;              // ε
  const T* class_weights = nullptr;  // w, on the device; null means all 1
};

// The results of each row; row_weight is k.
template <class T>
struct SoftCrossEntropyRows {
  double* loss = nullptr;
  T* row_weight = nullptr;
  RowLogSums<T> saved;
};
template <class T, class Device>
void cross_entropy_soft_forward(Device device, const SoftCrossEntropyRows<T>& out, Rows<const T> x,
                                Rows<const T> t, const SoftTerms<T>& terms);

// A null gradient is not computed.
template <class T>
struct SoftCrossEntropyGradients {
  T *dx = nullptr, *dt = nullptr;
};
template <class T>
struct SoftCrossEntropySaved {
  RowLogSums<const T> log_sums;
  const T* row_weight = nullptr;
};
template <class T, class Device>
void cross_entropy_soft_backward(Device device, const SoftCrossEntropyGradients<T>& out,
                                 Rows<const T> x, Rows<const T> t,
                                 const SoftCrossEntropySaved<T>& saved, RowLossGradient<T> gradient,
                                 double scale, const SoftTerms<T>& terms);

}  // namespace weft::kernels
