// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/rows.h"
#include "weft/kernels/softmax.h"
#include "weft/kernels/softmax_row.h"

namespace weft::kernels {
namespace {

template <class T>
void forward(Rows<T> y, Rows<const T> x) {
  for_rows(x.rows, x.cols, [=, cols = x.cols](i64 r) {
    const T* xr = x.row(r);
    T* yr = y.row(r);
    const T m = row_max(xr, cols);
    for (i64 c = 0; c < cols; ++c) yr[c] = math::exp(xr[c] - m);
    const T sum = static_cast<T>(row_sum(cols, [=](i64 c) { return yr[c]; }));
    for (i64 c = 0; c < cols; ++c) yr[c] /= sum;
  });
}

template <class T>
void backward(Rows<T> dx, Rows<const T> dy, Rows<const T> y) {
  for_rows(y.rows, y.cols, [=, cols = y.cols](i64 r) {
    const T *yr = y.row(r), *dyr = dy.row(r);
    T* dxr = dx.row(r);
    const T s = static_cast<T>(row_sum(cols, [=](i64 c) { return dyr[c] * yr[c]; }));
    for (i64 c = 0; c < cols; ++c) dxr[c] = yr[c] * (dyr[c] - s);
  });
}

template <class T>
void log_forward(Rows<T> y, Rows<const T> x) {
  for_rows(x.rows, x.cols, [=, cols = x.cols](i64 r) {
    const T* xr = x.row(r);
    T* yr = y.row(r);
    const LogSumExp<T> row = row_log_sum_exp(xr, cols);
    for (i64 c = 0; c < cols; ++c) yr[c] = (xr[c] - row.max) - row.log_sum;
  });
}

template <class T>
void log_backward(Rows<T> dx, Rows<const T> dy, Rows<const T> y) {
  for_rows(y.rows, y.cols, [=, cols = y.cols](i64 r) {
    const T *yr = y.row(r), *dyr = dy.row(r);
    T* dxr = dx.row(r);
    const GradientSum<T> sum(row_sum(cols, [=](i64 c) { return dyr[c]; }));
    for (i64 c = 0; c < cols; ++c) dxr[c] = dyr[c] - sum.times(math::exp(yr[c]));
  });
}

}  // namespace

#define WEFT_SOFTMAX(T)                                                           \
  template <>                                                                     \
  void softmax_forward(Cpu, Rows<T> y, Rows<const T> x) {                         \
    forward(y, x);                                                                \
  }                                                                               \
  template <>                                                                     \
  void softmax_backward(Cpu, Rows<T> dx, Rows<const T> dy, Rows<const T> y) {     \
    backward(dx, dy, y);                                                          \
  }                                                                               \
  template <>                                                                     \
  void log_softmax_forward(Cpu, Rows<T> y, Rows<const T> x) {                     \
    log_forward(y, x);                                                            \
  }                                                                               \
  template <>                                                                     \
  void log_softmax_backward(Cpu, Rows<T> dx, Rows<const T> dy, Rows<const T> y) { \
    log_backward(dx, dy, y);                                                      \
  }
WEFT_SOFTMAX(float)
WEFT_SOFTMAX(double)

}  // namespace weft::kernels
