// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/softmax.h"
#include "weft/kernels/softmax_team.h"

namespace weft::kernels {
namespace {

template <class T, bool kLog, bool kBlock, int kWidth>
__global__ void __launch_bounds__(kThreads) softmax_forward_kernel(Rows<T> y, Rows<const T> x) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row(), cols = x.cols;
  const T* x_row = x.row(row);
  T* y_row = y.row(row);
  // All lanes of a warp return together, and a team of one warp uses no block barrier.
  if (row >= x.rows) return;
  const auto load = [=](i64 c) { return load_group<kWidth>(x_row + c); };
  const RowCache<C, Team, kWidth> values(cols, load);
  ExpSum<C> total;
  values.each(load, [&](i64, const Group<C, kWidth>& group) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) total.add(group.value[k]);
  });
  total = Team::combine(total, MergeExpSums{});
  const C log_sum = kLog ? total.log_sum() : C(0), sum = static_cast<C>(total.sum);
  values.each(load, [&](i64 c, Group<C, kWidth> group) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const C centred = group.value[k] - total.max;
      group.value[k] = kLog ? centred - log_sum : math::exp(centred) / sum;
    }
    store_group(y_row + c, group);
  });
}

template <class T, bool kLog, bool kBlock, int kWidth>
__global__ void __launch_bounds__(kThreads)
    softmax_backward_kernel(Rows<T> dx, Rows<const T> dy, Rows<const T> y) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row(), cols = y.cols;
  const T *dy_row = dy.row(row), *y_row = y.row(row);
  T* dx_row = dx.row(row);
  if (row >= y.rows) return;
  using Values = Group<C, kWidth>;
  const auto load_y = [=](i64 c) { return load_group<kWidth>(y_row + c); };
  const auto load_dy = [=](i64 c) { return load_group<kWidth>(dy_row + c); };
  const RowCache<C, Team, kWidth> grad(cols, load_dy);
  double total = 0;
  grad.each(load_dy, [&](i64 c, const Values& dy_c) {
    const Values y_c = kLog ? Values{} : load_y(c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k)
      total += static_cast<double>(kLog ? dy_c.value[k] : dy_c.value[k] * y_c.value[k]);
  });
  const C sum = static_cast<C>(Team::sum(total));
  grad.each(load_dy, [&](i64 c, Values dy_c) {
    const Values y_c = load_y(c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k)
      dy_c.value[k] = kLog ? dy_c.value[k] - math::exp(y_c.value[k]) * sum
                           : y_c.value[k] * (dy_c.value[k] - sum);
    store_group(dx_row + c, dy_c);
  });
}

template <bool kLog, class T>
void forward(Cuda device, Rows<T> y, Rows<const T> x) {
  if (x.size() == 0) return;
  with_row_team<T>(
      x.cols,
      [&]<bool kBlock, int kWidth>() {
        launch<softmax_forward_kernel<T, kLog, kBlock, kWidth>>(
            on(device, blocks_for_rows(kBlock, x.rows)), y, x);
      },
      y.data, x.data);
}

template <bool kLog, class T>
void backward(Cuda device, Rows<T> dx, Rows<const T> dy, Rows<const T> y) {
  if (y.size() == 0) return;
  with_row_team<T>(
      y.cols,
      [&]<bool kBlock, int kWidth>() {
        launch<softmax_backward_kernel<T, kLog, kBlock, kWidth>>(
            on(device, blocks_for_rows(kBlock, y.rows)), dx, dy, y);
      },
      dx.data, dy.data, y.data);
}

}  // namespace

#define WEFT_SOFTMAX(T)                                                                   \
  template <>                                                                             \
  void softmax_forward(Cuda device, Rows<T> y, Rows<const T> x) {                         \
    forward<false>(device, y, x);                                                         \
  }                                                                                       \
  template <>                                                                             \
  void softmax_backward(Cuda device, Rows<T> dx, Rows<const T> dy, Rows<const T> y) {     \
    backward<false>(device, dx, dy, y);                                                   \
  }                                                                                       \
  template <>                                                                             \
  void log_softmax_forward(Cuda device, Rows<T> y, Rows<const T> x) {                     \
    forward<true>(device, y, x);                                                          \
  }                                                                                       \
  template <>                                                                             \
  void log_softmax_backward(Cuda device, Rows<T> dx, Rows<const T> dy, Rows<const T> y) { \
    backward<true>(device, dx, dy, y);                                                    \
  }
WEFT_SOFTMAX(float)
WEFT_SOFTMAX(double)
WEFT_SOFTMAX(half)
WEFT_SOFTMAX(bfloat16)

}  // namespace weft::kernels
