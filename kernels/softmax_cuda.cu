// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/softmax.h"
#include "weft/kernels/softmax_team.h"
#include "weft/kernels/common/scratch.h"
#include "weft/kernels/common/wide_rows.h"

namespace weft::kernels {
namespace {

template <class T, bool kLog, bool kBlock, int kWidth>
__global__ void __launch_bounds__(kThreads, kLog && !kBlock && kWidth == 1 ? kSpillFreeBlocks : 0)
    softmax_forward_kernel(Rows<T> y, Rows<const T> x) {
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
__global__ void __launch_bounds__(kThreads, kLog || kBlock || sizeof(T) > 2 ? 0 : kSpillFreeBlocks)
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
  total = Team::sum(total);
  const C sum = static_cast<C>(total);
  const GradientSum<C> log_sum(total);
  grad.each(load_dy, [&](i64 c, Values dy_c) {
    const Values y_c = load_y(c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k)
      dy_c.value[k] = kLog ? dy_c.value[k] - log_sum.times(math::exp(y_c.value[k]))
                           : y_c.value[k] * (dy_c.value[k] - sum);
    store_group(dx_row + c, dy_c);
  });
}

// ---- a few wide rows (Note [Wide rows]) ----

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    softmax_part_kernel(ExpSum<Compute<T>>* partial, Rows<const T> x, RowParts parts) {
  ExpSum<Compute<T>> total;
  parts.each<kWidth>([&](i64 c) {
    const auto group = load_group<kWidth>(x.row(parts.row()) + c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) total.add(group.value[k]);
  });
  total = block_combine(total, MergeExpSums{});
  if (threadIdx.x == 0) partial[blockIdx.x] = total;
}

template <class T, bool kLog, int kWidth>
__global__ void __launch_bounds__(kThreads)
    softmax_wide_kernel(Rows<T> y, Rows<const T> x, const ExpSum<Compute<T>>* partial,
                        RowParts parts) {
  using C = Compute<T>;
  const ExpSum<C> total = parts.combined(partial, ExpSum<C>{}, MergeExpSums{});
  const C log_sum = kLog ? total.log_sum() : C(0), sum = static_cast<C>(total.sum);
  parts.each<kWidth>([&](i64 c) {
    auto group = load_group<kWidth>(x.row(parts.row()) + c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const C centred = group.value[k] - total.max;
      group.value[k] = kLog ? centred - log_sum : math::exp(centred) / sum;
    }
    store_group(y.row(parts.row()) + c, group);
  });
}

template <class T, bool kLog, int kWidth>
__global__ void __launch_bounds__(kThreads)
    softmax_gradient_part_kernel(double* partial, Rows<const T> dy, Rows<const T> y,
                                 RowParts parts) {
  using Values = Group<Compute<T>, kWidth>;
  double total = 0;
  parts.each<kWidth>([&](i64 c) {
    const Values dy_c = load_group<kWidth>(dy.row(parts.row()) + c);
    const Values y_c = kLog ? Values{} : load_group<kWidth>(y.row(parts.row()) + c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k)
      total += static_cast<double>(kLog ? dy_c.value[k] : dy_c.value[k] * y_c.value[k]);
  });
  total = block_combine(total, Plus{});
  if (threadIdx.x == 0) partial[blockIdx.x] = total;
}

template <class T, bool kLog, int kWidth>
__global__ void __launch_bounds__(kThreads)
    softmax_gradient_wide_kernel(Rows<T> dx, Rows<const T> dy, Rows<const T> y,
                                 const double* partial, RowParts parts) {
  using C = Compute<T>;
  const double total = parts.combined(partial, 0.0, Plus{});
  const C sum = static_cast<C>(total);
  const GradientSum<C> log_sum(total);
  parts.each<kWidth>([&](i64 c) {
    auto dy_c = load_group<kWidth>(dy.row(parts.row()) + c);
    const auto y_c = load_group<kWidth>(y.row(parts.row()) + c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k)
      dy_c.value[k] = kLog ? dy_c.value[k] - log_sum.times(math::exp(y_c.value[k]))
                           : y_c.value[k] * (dy_c.value[k] - sum);
    store_group(dx.row(parts.row()) + c, dy_c);
  });
}

template <bool kLog, class T>
void forward_wide(Cuda device, Rows<T> y, Rows<const T> x, const RowParts& parts) {
  using Total = ExpSum<Compute<T>>;
  const u32 blocks = static_cast<u32>(x.rows * parts.parts);
  const Scratch<Total> partial(device, blocks);
  with_row_width<T>(
      x.cols,
      [&]<int kWidth>() {
        launch<softmax_part_kernel<T, kWidth>>(on(device, blocks), partial.data(), x, parts);
        launch<softmax_wide_kernel<T, kLog, kWidth>>(
            on(device, blocks), y, x, static_cast<const Total*>(partial.data()), parts);
      },
      y.data, x.data);
}

template <bool kLog, class T>
void backward_wide(Cuda device, Rows<T> dx, Rows<const T> dy, Rows<const T> y,
                   const RowParts& parts) {
  const u32 blocks = static_cast<u32>(y.rows * parts.parts);
  const Scratch<double> partial(device, blocks);
  with_row_width<T>(
      y.cols,
      [&]<int kWidth>() {
        launch<softmax_gradient_part_kernel<T, kLog, kWidth>>(on(device, blocks), partial.data(),
                                                              dy, y, parts);
        launch<softmax_gradient_wide_kernel<T, kLog, kWidth>>(
            on(device, blocks), dx, dy, y, static_cast<const double*>(partial.data()), parts);
      },
      dx.data, dy.data, y.data);
}

template <bool kLog, class T>
void forward(Cuda device, Rows<T> y, Rows<const T> x) {
  if (x.size() == 0) return;
  if (const RowParts parts = row_parts(x.rows, x.cols); parts.parts > 1)
    return forward_wide<kLog>(device, y, x, parts);
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
  if (const RowParts parts = row_parts(y.rows, y.cols); parts.parts > 1)
    return backward_wide<kLog>(device, dx, dy, y, parts);
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
