// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/softmax.h"
#include "weft/kernels/softmax_team.h"

namespace weft::kernels {
namespace {

template <class T, bool kLog, bool kBlock, int kWidth>
__global__ void __launch_bounds__(kThreads)
    softmax_forward_kernel(T* y, const T* x, i64 rows, i64 cols) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row();
  if (row >= rows) return;  // a whole warp; there is no block barrier behind it
  const auto load = [=](i64 c) { return load_group<kWidth>(x + row * cols + c); };
  const RowCache<C, Team, kWidth> values(cols, load);
  ExpSum<C> total;
  values.each(load, [&](i64, const Group<C, kWidth>& group) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) total.add(group.value[k]);
  });
  total = Team::combine(total, MergeExpSums{});
  const C log_sum = kLog ? math::log(total.sum) : C(0), scale = C(1) / total.sum;
  values.each(load, [&](i64 c, Group<C, kWidth> group) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const C centred = group.value[k] - total.max;
      group.value[k] = kLog ? centred - log_sum : math::exp(centred) * scale;
    }
    store_group(y + row * cols + c, group);
  });
}

template <class T, bool kLog, bool kBlock, int kWidth>
__global__ void __launch_bounds__(kThreads)
    softmax_backward_kernel(T* dx, const T* dy, const T* y, i64 rows, i64 cols) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row();
  if (row >= rows) return;
  using Values = Group<C, kWidth>;
  const auto load_y = [=](i64 c) { return load_group<kWidth>(y + row * cols + c); };
  const auto load_dy = [=](i64 c) { return load_group<kWidth>(dy + row * cols + c); };
  const RowCache<C, Team, kWidth> grad(cols, load_dy);
  C sum = 0;
  grad.each(load_dy, [&](i64 c, const Values& dy_c) {
    const Values y_c = kLog ? Values{} : load_y(c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sum += kLog ? dy_c.value[k] : dy_c.value[k] * y_c.value[k];
  });
  sum = Team::sum(sum);
  grad.each(load_dy, [&](i64 c, Values dy_c) {
    const Values y_c = load_y(c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k)
      dy_c.value[k] = kLog ? dy_c.value[k] - math::exp(y_c.value[k]) * sum
                           : y_c.value[k] * (dy_c.value[k] - sum);
    store_group(dx + row * cols + c, dy_c);
  });
}

template <bool kLog, class T>
void forward(Cuda device, T* y, const T* x, i64 rows, i64 cols) {
  if (rows * cols == 0) return;
  with_row_team<T>(
      cols,
      [&]<bool kBlock, int kWidth>() {
        launch<softmax_forward_kernel<T, kLog, kBlock, kWidth>>(
            on(device, blocks_for_rows(kBlock, rows)), y, x, rows, cols);
      },
      y, x);
}

template <bool kLog, class T>
void backward(Cuda device, T* dx, const T* dy, const T* y, i64 rows, i64 cols) {
  if (rows * cols == 0) return;
  with_row_team<T>(
      cols,
      [&]<bool kBlock, int kWidth>() {
        launch<softmax_backward_kernel<T, kLog, kBlock, kWidth>>(
            on(device, blocks_for_rows(kBlock, rows)), dx, dy, y, rows, cols);
      },
      dx, dy, y);
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
