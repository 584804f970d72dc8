// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/softmax.h"
#include "weft/kernels/softmax_team.h"

namespace weft::kernels {
namespace {

template <class T, bool kLog, bool kBlock>
__global__ void __launch_bounds__(kThreads)
    softmax_forward_kernel(T* y, const T* x, i64 rows, i64 cols) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row();
  if (row >= rows) return;  // a whole warp; there is no block barrier behind it
  const auto load = [=](i64 c) { return static_cast<C>(x[row * cols + c]); };
  const RowCache<C, Team> values(cols, load);
  ExpSum<C> total;
  values.each(load, [&](i64, C value) { total.add(value); });
  total = Team::combine(total, MergeExpSums{});
  const C log_sum = kLog ? math::log(total.sum) : C(0), scale = C(1) / total.sum;
  values.each(load, [&](i64 c, C value) {
    y[row * cols + c] =
        static_cast<T>(kLog ? (value - total.max) - log_sum : math::exp(value - total.max) * scale);
  });
}

template <class T, bool kLog, bool kBlock>
__global__ void __launch_bounds__(kThreads)
    softmax_backward_kernel(T* dx, const T* dy, const T* y, i64 rows, i64 cols) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row();
  if (row >= rows) return;
  const auto load_y = [=](i64 c) { return static_cast<C>(y[row * cols + c]); };
  const auto load_dy = [=](i64 c) { return static_cast<C>(dy[row * cols + c]); };
  const RowCache<C, Team> grad(cols, load_dy);
  C sum = 0;
  grad.each(load_dy, [&](i64 c, C dy_c) { sum += kLog ? dy_c : dy_c * load_y(c); });
  sum = Team::sum(sum);
  grad.each(load_dy, [&](i64 c, C dy_c) {
    const C y_c = load_y(c);
    dx[row * cols + c] = static_cast<T>(kLog ? dy_c - math::exp(y_c) * sum : y_c * (dy_c - sum));
  });
}

template <bool kLog, class T>
void forward(Cuda device, T* y, const T* x, i64 rows, i64 cols) {
  if (rows * cols == 0) return;
  with_team(cols, [&]<bool kBlock>() {
    launch<softmax_forward_kernel<T, kLog, kBlock>>(on(device, blocks_for_rows(kBlock, rows)), y, x,
                                                    rows, cols);
  });
}

template <bool kLog, class T>
void backward(Cuda device, T* dx, const T* dy, const T* y, i64 rows, i64 cols) {
  if (rows * cols == 0) return;
  with_team(cols, [&]<bool kBlock>() {
    launch<softmax_backward_kernel<T, kLog, kBlock>>(on(device, blocks_for_rows(kBlock, rows)), dx,
                                                     dy, y, rows, cols);
  });
}

}  // namespace

template <class T>
void softmax_forward(Cuda device, T* y, const T* x, i64 rows, i64 cols) {
  forward<false>(device, y, x, rows, cols);
}
template <class T>
void softmax_backward(Cuda device, T* dx, const T* dy, const T* y, i64 rows, i64 cols) {
  backward<false>(device, dx, dy, y, rows, cols);
}
template <class T>
void log_softmax_forward(Cuda device, T* y, const T* x, i64 rows, i64 cols) {
  forward<true>(device, y, x, rows, cols);
}
template <class T>
void log_softmax_backward(Cuda device, T* dx, const T* dy, const T* y, i64 rows, i64 cols) {
  backward<true>(device, dx, dy, y, rows, cols);
}

#define WEFT_SOFTMAX(T)                                                   \
  template void softmax_forward(Cuda, T*, const T*, i64, i64);            \
  template void softmax_backward(Cuda, T*, const T*, const T*, i64, i64); \
  template void log_softmax_forward(Cuda, T*, const T*, i64, i64);        \
  template void log_softmax_backward(Cuda, T*, const T*, const T*, i64, i64);
WEFT_SOFTMAX(float)
WEFT_SOFTMAX(double)
WEFT_SOFTMAX(half)
WEFT_SOFTMAX(bfloat16)

}  // namespace weft::kernels
