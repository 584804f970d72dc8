// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/cross_entropy.h"
#include "weft/kernels/first_bad.h"
#include "weft/kernels/softmax_team.h"

namespace weft::kernels {
namespace {

// The last block looks at the labels; the others take the rows.
template <class T, bool kBlock>
__global__ void __launch_bounds__(kThreads)
    cross_entropy_forward_kernel(T* loss, T* lse, i64* bad_row, const T* x, const i64* label,
                                 Compute<T> smoothing, i64 rows, i64 cols) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  if (blockIdx.x == gridDim.x - 1) {
    find_first_bad(bad_row, label, rows, cols);
    return;
  }
  const i64 row = Team::row();
  if (row >= rows) return;
  const T* x_row = x + row * cols;
  ExpSum<C> total;
  C sum = 0;
  for (i64 c = Team::rank(); c < cols; c += Team::kSize) {
    const C value = static_cast<C>(x_row[c]);
    total.add(value);
    sum += value;
  }
  total = Team::combine(total, MergeExpSums{});
  if (smoothing != C(0)) sum = Team::sum(sum);
  if (Team::rank() != 0) return;
  const C row_lse = total.log_sum_exp();
  lse[row] = static_cast<T>(row_lse);
  const i64 target = label[row];
  C row_loss = std::numeric_limits<C>::quiet_NaN();
  if (target >= 0 && target < cols) {
    row_loss = row_lse - (C(1) - smoothing) * static_cast<C>(x_row[target]);
    if (smoothing != C(0)) row_loss -= smoothing / static_cast<C>(cols) * sum;
  }
  loss[row] = static_cast<T>(row_loss);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    cross_entropy_backward_kernel(T* dx, const T* x, const T* lse, const i64* label, const T* dloss,
                                  Compute<T> scale, Compute<T> smoothing, i64 rows, i64 cols,
                                  i64 packs) {
  using C = Compute<T>;
  constexpr int kSize = Pack<T>::kSize;
  const C factor = scale * static_cast<C>(dloss[0]);
  const C off = smoothing / static_cast<C>(cols), on = C(1) - smoothing;
  const auto slope = [=](T value, i64 row, i64 c) {
    const C probability = math::exp(static_cast<C>(value) - static_cast<C>(lse[row]));
    return static_cast<T>(factor * (probability - off - (c == label[row] ? on : C(0))));
  };
  for (i64 i = first_index(); i < packs; i += grid_stride()) {
    const Pack<T> in = reinterpret_cast<const Pack<T>*>(x)[i];
    Pack<T> out;
    Division at = divide(i * kSize, cols);
#pragma unroll
    for (int k = 0; k < kSize; ++k) {
      out.value[k] = slope(in.value[k], at.quotient, at.rest);
      if (++at.rest == cols) at = {at.quotient + 1, 0};
    }
    reinterpret_cast<Pack<T>*>(dx)[i] = out;
  }
  for (i64 i = packs * kSize + first_index(); i < rows * cols; i += grid_stride()) {
    const Division at = divide(i, cols);
    dx[i] = slope(x[i], at.quotient, at.rest);
  }
}

}  // namespace

template <class T>
void cross_entropy_forward(Cuda device, T* loss, T* lse, i64* bad_row, const T* x, const i64* label,
                           double smoothing, i64 rows, i64 cols) {
  with_team(cols, [&]<bool kBlock>() {
    launch<cross_entropy_forward_kernel<T, kBlock>>(on(device, blocks_for_rows(kBlock, rows) + 1),
                                                    loss, lse, bad_row, x, label,
                                                    static_cast<Compute<T>>(smoothing), rows, cols);
  });
}

template <class T>
void cross_entropy_backward(Cuda device, T* dx, const T* x, const T* lse, const i64* label,
                            const T* dloss, double scale, double smoothing, i64 rows, i64 cols) {
  const i64 n = rows * cols;
  if (n == 0) return;
  const i64 packs = packs_in<T>(n, dx, x);
  launch<cross_entropy_backward_kernel<T>>(on(device, blocks_for(turns<T>(n, packs))), dx, x, lse,
                                           label, dloss, static_cast<Compute<T>>(scale),
                                           static_cast<Compute<T>>(smoothing), rows, cols, packs);
}

#define WEFT_CROSS_ENTROPY(T)                                                                      \
  template void cross_entropy_forward(Cuda, T*, T*, i64*, const T*, const i64*, double, i64, i64); \
  template void cross_entropy_backward(Cuda, T*, const T*, const T*, const i64*, const T*, double, \
                                       double, i64, i64);
WEFT_CROSS_ENTROPY(float)
WEFT_CROSS_ENTROPY(double)
WEFT_CROSS_ENTROPY(half)
WEFT_CROSS_ENTROPY(bfloat16)

}  // namespace weft::kernels
