// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/rows.h"
#include "weft/kernels/softmax.h"
#include "weft/kernels/softmax_row.h"

namespace weft::kernels {

template <class T>
void softmax_forward(Cpu, T* y, const T* x, i64 rows, i64 cols) {
  for_rows(rows, cols, [=](i64 r) {
    const T* xr = x + r * cols;
    T* yr = y + r * cols;
    const T m = row_max(xr, cols);
    for (i64 c = 0; c < cols; ++c) yr[c] = math::exp(xr[c] - m);
    const T scale = T(1) / row_sum<T>(cols, [=](i64 c) { return yr[c]; });
    for (i64 c = 0; c < cols; ++c) yr[c] *= scale;
  });
}

template <class T>
void softmax_backward(Cpu, T* dx, const T* dy, const T* y, i64 rows, i64 cols) {
  for_rows(rows, cols, [=](i64 r) {
    const i64 o = r * cols;
    const T s = row_sum<T>(cols, [=](i64 c) { return dy[o + c] * y[o + c]; });
    for (i64 c = 0; c < cols; ++c) dx[o + c] = y[o + c] * (dy[o + c] - s);
  });
}

template <class T>
void log_softmax_forward(Cpu, T* y, const T* x, i64 rows, i64 cols) {
  for_rows(rows, cols, [=](i64 r) {
    const i64 o = r * cols;
    const T lse = row_log_sum_exp(x + o, cols);
    for (i64 c = 0; c < cols; ++c) y[o + c] = x[o + c] - lse;
  });
}

template <class T>
void log_softmax_backward(Cpu, T* dx, const T* dy, const T* y, i64 rows, i64 cols) {
  for_rows(rows, cols, [=](i64 r) {
    const i64 o = r * cols;
    const T s = row_sum<T>(cols, [=](i64 c) { return dy[o + c]; });
    for (i64 c = 0; c < cols; ++c) dx[o + c] = dy[o + c] - math::exp(y[o + c]) * s;
  });
}

#define WEFT_SOFTMAX(T)                                                  \
  template void softmax_forward(Cpu, T*, const T*, i64, i64);            \
  template void softmax_backward(Cpu, T*, const T*, const T*, i64, i64); \
  template void log_softmax_forward(Cpu, T*, const T*, i64, i64);        \
  template void log_softmax_backward(Cpu, T*, const T*, const T*, i64, i64);
WEFT_SOFTMAX(float)
WEFT_SOFTMAX(double)

}  // namespace weft::kernels
