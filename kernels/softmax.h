// SPDX-License-Identifier: Apache-2.0
// softmax over the last axis, and its logarithm.
//   math     y[r,c] = e^(x[r,c] − m[r]) / Σ_k e^(x[r,k] − m[r]),  m[r] = max_k x[r,k];  log form: x − m − ln Σ
//            dx[r,c] = y[r,c]·(dy[r,c] − Σ_k dy[r,k]·y[r,k]);  log form: dx = dy − eʸ·Σ_k dy[r,k]
//   shapes   x, y, dx, dy (rows, cols)
//   saved    y
//   aliasing y may be x, dx may be dy
//   source   Bridle 1990, "Probabilistic interpretation of feedforward classification network outputs"
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft::kernels {

template <class T>
void softmax_forward(Cpu, T* y, const T* x, i64 rows, i64 cols);
template <class T>
void softmax_forward(Cuda, T* y, const T* x, i64 rows, i64 cols);
template <class T>
void softmax_backward(Cpu, T* dx, const T* dy, const T* y, i64 rows, i64 cols);
template <class T>
void softmax_backward(Cuda, T* dx, const T* dy, const T* y, i64 rows, i64 cols);
template <class T>
void log_softmax_forward(Cpu, T* y, const T* x, i64 rows, i64 cols);
template <class T>
void log_softmax_forward(Cuda, T* y, const T* x, i64 rows, i64 cols);
template <class T>
void log_softmax_backward(Cpu, T* dx, const T* dy, const T* y, i64 rows, i64 cols);
template <class T>
void log_softmax_backward(Cuda, T* dx, const T* dy, const T* y, i64 rows, i64 cols);

}  // namespace weft::kernels
