// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/cross_entropy_soft.h"
#include "weft/kernels/softmax_team.h"

namespace weft::kernels {
namespace {

// SoftTerms in the type that the kernels compute in.
template <class T>
struct SoftShares {
  const T* w;
  Compute<T> keep, spread;

  __device__ Compute<T> weight(i64 c) const {
    return w != nullptr ? static_cast<Compute<T>>(w[c]) : Compute<T>(1);
  }
  // w[c]·t'[r,c]
  __device__ Compute<T> of(T target, i64 c) const {
    return weight(c) * (keep * static_cast<Compute<T>>(target) + spread);
  }
};
template <class T>
SoftShares<T> soft_shares(const SoftTerms<T>& terms, i64 cols) {
  using C = Compute<T>;
  const C smoothing = static_cast<C>(terms.smoothing);
  return {terms.class_weights, C(1) - smoothing, smoothing / static_cast<C>(cols)};
}

template <class T, bool kBlock>
__global__ void __launch_bounds__(kThreads)
    cross_entropy_soft_forward_kernel(SoftCrossEntropyRows<T> out, Rows<const T> x, Rows<const T> t,
                                      SoftShares<T> shares) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row(), cols = x.cols;
  if (row >= x.rows) return;
  const T *x_row = x.row(row), *t_row = t.row(row);
  ExpSum<C> total;
  for (i64 c = Team::rank(); c < cols; c += Team::kSize) total.add(static_cast<C>(x_row[c]));
  total = Team::combine(total, MergeExpSums{});
  const C log_sum = total.log_sum();
  const double wide_max = total.max, wide_log_sum = log_sum;
  double loss = 0, weight = 0;
  for (i64 c = Team::rank(); c < cols; c += Team::kSize) {
    const C share = shares.of(t_row[c], c);
    weight += static_cast<double>(share);
    loss += static_cast<double>(share) *
            ((wide_max - static_cast<double>(static_cast<C>(x_row[c]))) + wide_log_sum);
  }
  weight = Team::sum(weight);
  loss = Team::sum(loss);
  if (Team::rank() != 0) return;
  out.saved.max[row] = static_cast<T>(total.max);
  out.saved.log_sum[row] = static_cast<T>(log_sum);
  out.row_weight[row] = static_cast<T>(static_cast<C>(weight));
  out.loss[row] = loss;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    cross_entropy_soft_backward_kernel(SoftCrossEntropyGradients<T> out, Rows<const T> x,
                                       Rows<const T> t, SoftCrossEntropySaved<T> saved,
                                       RowLossGradient<T> gradient, double scale,
                                       SoftShares<T> shares, i64 packs) {
  using C = Compute<T>;
  const i64 cols = x.cols;
  constexpr int kSize = Pack<T>::kSize;
  const auto slopes = [=](T value, T target, i64 row, i64 c, T& dx, T& dt) {
    const double factor = scale * gradient.of(row);
    const C minus_l = (static_cast<C>(value) - static_cast<C>(saved.log_sums.max[row])) -
                      static_cast<C>(saved.log_sums.log_sum[row]);
    const C k = static_cast<C>(saved.row_weight[row]);
    dx = static_cast<T>(static_cast<C>(factor) * (k * math::exp(minus_l) - shares.of(target, c)));
    dt = static_cast<T>(
        static_cast<C>(-factor * static_cast<double>(shares.weight(c) * shares.keep) *
                       static_cast<double>(minus_l)));
  };
  for (i64 i = first_index(); i < packs; i += grid_stride()) {
    const Pack<T> in = reinterpret_cast<const Pack<T>*>(x.data)[i];
    const Pack<T> target = reinterpret_cast<const Pack<T>*>(t.data)[i];
    Pack<T> dx, dt;
    Division at = divide(i * kSize, cols);
#pragma unroll
    for (int k = 0; k < kSize; ++k) {
      slopes(in.value[k], target.value[k], at.quotient, at.remainder, dx.value[k], dt.value[k]);
      if (++at.remainder == cols) at = {at.quotient + 1, 0};
    }
    if (out.dx != nullptr) reinterpret_cast<Pack<T>*>(out.dx)[i] = dx;
    if (out.dt != nullptr) reinterpret_cast<Pack<T>*>(out.dt)[i] = dt;
  }
  for (i64 i = packs * kSize + first_index(); i < x.size(); i += grid_stride()) {
    const Division at = divide(i, cols);
    T dx, dt;
    slopes(x.data[i], t.data[i], at.quotient, at.remainder, dx, dt);
    if (out.dx != nullptr) out.dx[i] = dx;
    if (out.dt != nullptr) out.dt[i] = dt;
  }
}

template <class T>
void soft_forward(Cuda device, const SoftCrossEntropyRows<T>& out, Rows<const T> x, Rows<const T> t,
                  const SoftTerms<T>& terms) {
  if (x.rows == 0) return;
  with_team(x.cols, [&]<bool kBlock>() {
    launch<cross_entropy_soft_forward_kernel<T, kBlock>>(
        on(device, blocks_for_rows(kBlock, x.rows)), out, x, t, soft_shares(terms, x.cols));
  });
}

template <class T>
void soft_backward(Cuda device, const SoftCrossEntropyGradients<T>& out, Rows<const T> x,
                   Rows<const T> t, const SoftCrossEntropySaved<T>& saved,
                   RowLossGradient<T> gradient, double scale, const SoftTerms<T>& terms) {
  const i64 n = x.size();
  if (n == 0) return;
  const i64 packs = packs_in<T>(n, out.dx, out.dt, x.data, t.data);
  launch<cross_entropy_soft_backward_kernel<T>>(on(device, blocks_for(iterations<T>(n, packs))),
                                                out, x, t, saved, gradient, scale,
                                                soft_shares(terms, x.cols), packs);
}

}  // namespace

#define WEFT_CROSS_ENTROPY_SOFT(T)                                                               \
  template <>                                                                                    \
  void cross_entropy_soft_forward(Cuda device, const SoftCrossEntropyRows<T>& out,               \
                                  Rows<const T> x, Rows<const T> t, const SoftTerms<T>& terms) { \
    soft_forward(device, out, x, t, terms);                                                      \
  }                                                                                              \
  template <>                                                                                    \
  void cross_entropy_soft_backward(                                                              \
      Cuda device, const SoftCrossEntropyGradients<T>& out, Rows<const T> x, Rows<const T> t,    \
      const SoftCrossEntropySaved<T>& saved, RowLossGradient<T> gradient, double scale,          \
      const SoftTerms<T>& terms) {                                                               \
    soft_backward(device, out, x, t, saved, gradient, scale, terms);                             \
  }
WEFT_CROSS_ENTROPY_SOFT(float)
WEFT_CROSS_ENTROPY_SOFT(double)
WEFT_CROSS_ENTROPY_SOFT(half)
WEFT_CROSS_ENTROPY_SOFT(bfloat16)

}  // namespace weft::kernels
