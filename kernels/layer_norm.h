// SPDX-License-Identifier: Apache-2.0
// Layer normalisation over the last axis.
//   math     y[r,c] = x̂[r,c]·w[c] + b[c],  x̂ = (x − mean[r])·rstd[r],  rstd = 1/√(Σ_c (x − mean)²/cols + eps)
//            dx[r,c] = rstd[r]·(g − (Σ_k g)/cols − x̂·(Σ_k g·x̂)/cols),  g = dy·w
//            dw[c] = Σ_r dy·x̂,  db[c] = Σ_r dy
//   shapes   x, y, dx, dy (rows, cols); w, b, dw, db (cols); mean, rstd (rows)
//   saved    x, mean, rstd
//   aliasing y may be x
//   source   Ba, Kiros & Hinton 2016, arXiv:1607.06450
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft::kernels {

// w and b may both be null: then y = x̂.
template <class T>
void layer_norm_forward(Cpu, T* y, T* mean, T* rstd, const T* x, const T* w, const T* b, double eps,
                        i64 rows, i64 cols);
template <class T>
void layer_norm_forward(Cuda, T* y, T* mean, T* rstd, const T* x, const T* w, const T* b,
                        double eps, i64 rows, i64 cols);
// Each of dx, dw, db may be null. The order of the sums over rows depends on the sizes alone.
template <class T>
void layer_norm_backward(Cpu, T* dx, T* dw, T* db, const T* dy, const T* x, const T* w,
                         const T* mean, const T* rstd, i64 rows, i64 cols);
template <class T>
void layer_norm_backward(Cuda, T* dx, T* dw, T* db, const T* dy, const T* x, const T* w,
                         const T* mean, const T* rstd, i64 rows, i64 cols);

}  // namespace weft::kernels
