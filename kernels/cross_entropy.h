// SPDX-License-Identifier: Apache-2.0
// Softmax cross-entropy against class labels, fused: the probabilities are never stored.
//   math     loss[r] = lse[r] − (1 − ε)·x[r, label[r]] − ε/cols·Σ_c x[r,c],  lse[r] = ln Σ_c e^x[r,c]
//            dx[r,c] = scale·dloss·(e^(x[r,c] − lse[r]) − (1 − ε)·[c = label[r]] − ε/cols)
//   shapes   x, dx (rows, cols), loss, lse, label (rows), dloss () on the device
//   saved    x, lse
//   aliasing none
//   source   label smoothing ε: Szegedy et al. 2015, arXiv:1512.00567 §7
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft::kernels {

// A label outside [0, cols) gives that row a loss of NaN and *bad_row its number (the first one's;
// −1 if there is none).
template <class T>
void cross_entropy_forward(Cpu, T* loss, T* lse, i64* bad_row, const T* x, const i64* label,
                           double smoothing, i64 rows, i64 cols);
template <class T>
void cross_entropy_forward(Cuda, T* loss, T* lse, i64* bad_row, const T* x, const i64* label,
                           double smoothing, i64 rows, i64 cols);
template <class T>
void cross_entropy_backward(Cpu, T* dx, const T* x, const T* lse, const i64* label, const T* dloss,
                            double scale, double smoothing, i64 rows, i64 cols);
template <class T>
void cross_entropy_backward(Cuda, T* dx, const T* x, const T* lse, const i64* label, const T* dloss,
                            double scale, double smoothing, i64 rows, i64 cols);

}  // namespace weft::kernels
