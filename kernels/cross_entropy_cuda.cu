// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/cross_entropy.h"
#include "weft/kernels/common/first_bad.h"
#include "weft/kernels/softmax_team.h"

namespace weft::kernels {
namespace {

// The last block validates the labels. The other blocks process the rows.
template <class T, bool kBlock>
__global__ void __launch_bounds__(kThreads)
    cross_entropy_forward_kernel(CrossEntropyRows<T> out, Rows<const T> x, const i64* label,
                                 LabelTerms<T> terms) {
  using C = Compute<T>;
  const i64 rows = x.rows, cols = x.cols;
  using Team = RowTeam<kBlock>;
  if (blockIdx.x == gridDim.x - 1) {
    find_first_bad(out.bad_row, label, rows, cols, [=](i64 one) { return terms.ignored(one); });
    return;
  }
  const i64 row = Team::row();
  if (row >= rows) return;
  const i64 target = label[row];
  if (terms.ignored(target)) {
    if (Team::rank() == 0) {
      out.loss[row] = 0;
      out.saved.max[row] = out.saved.log_sum[row] = static_cast<T>(C(0));
      if (out.row_weight != nullptr) out.row_weight[row] = static_cast<T>(C(0));
    }
    return;
  }
  const T* x_row = x.row(row);
  const T* w = terms.class_weights;
  const double smoothing = terms.smoothing;
  ExpSum<C> total;
  for (i64 c = Team::rank(); c < cols; c += Team::kSize) total.add(static_cast<C>(x_row[c]));
  total = Team::combine(total, MergeExpSums{});
  const C log_sum = total.log_sum();
  const double wide_max = total.max, wide_log_sum = log_sum;
  const auto minus_log = [=](T value) {
    return (wide_max - static_cast<double>(static_cast<C>(value))) + wide_log_sum;
  };
  double sum = 0;
  if (smoothing != 0) {
    for (i64 c = Team::rank(); c < cols; c += Team::kSize) {
      const double one = minus_log(x_row[c]);
      sum += w != nullptr ? static_cast<double>(static_cast<C>(w[c])) * one : one;
    }
    sum = Team::sum(sum);
  }
  if (Team::rank() != 0) return;
  out.saved.max[row] = static_cast<T>(total.max);
  out.saved.log_sum[row] = static_cast<T>(log_sum);
  double row_loss = std::numeric_limits<double>::quiet_NaN();
  C k = 0;
  if (target >= 0 && target < cols) {
    k = w != nullptr ? static_cast<C>(w[target]) : C(1);
    if (k >= C(0)) row_loss = static_cast<double>(k) * minus_log(x_row[target]);
    if (smoothing != 0)
      row_loss = (1 - smoothing) * row_loss + smoothing / static_cast<double>(cols) * sum;
  }
  out.loss[row] = row_loss;
  if (out.row_weight != nullptr) out.row_weight[row] = static_cast<T>(k);
}

template <class T>
__global__ void cross_entropy_mean_kernel(CrossEntropyMean<T> mean) {
  const double counted = *mean.weight;
  *mean.share = counted > 0 ? 1 / counted : 0;
  *mean.loss = converted<T>(counted == 0 ? 0.0 : *mean.sum / counted);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    cross_entropy_backward_kernel(Rows<T> dx, Rows<const T> x, RowLogSums<const T> saved,
                                  const i64* label, RowLossGradient<T> gradient, double scale,
                                  LabelTerms<T> terms, i64 packs) {
  using C = Compute<T>;
  const i64 cols = x.cols;
  constexpr int kSize = Pack<T>::kSize;
  const C smoothing = static_cast<C>(terms.smoothing), spread = smoothing / static_cast<C>(cols);
  const T* w = terms.class_weights;
  const double wide_spread = terms.smoothing / static_cast<double>(cols);
  const double spread_sum =
      w != nullptr && smoothing != C(0) ? wide_spread * *terms.class_weight_sum : 0.0;
  const auto slope = [=](T value, i64 row, i64 c) {
    const i64 target = label[row];
    if (terms.ignored(target)) return static_cast<T>(C(0));
    const double factor = scale * gradient.of(row);
    const C probability = math::exp((static_cast<C>(value) - static_cast<C>(saved.max[row])) -
                                    static_cast<C>(saved.log_sum[row]));
    if (w == nullptr) {
      const C on = c == target ? C(1) - smoothing : C(0);
      return static_cast<T>(static_cast<C>(factor) * (probability - spread - on));
    }
    // The factor may be outside of the range of T where its product with a weight is within it.
    const C k = target >= 0 && target < cols ? static_cast<C>(w[target]) : C(0);
    const double on = (1 - terms.smoothing) * static_cast<double>(k),
                 off = wide_spread * static_cast<double>(static_cast<C>(w[c]));
    const double rest = (on + spread_sum) * static_cast<double>(probability) - off;
    return static_cast<T>(static_cast<C>(factor * (c == target ? rest - on : rest)));
  };
  for (i64 i = first_index(); i < packs; i += grid_stride()) {
    const Pack<T> in = reinterpret_cast<const Pack<T>*>(x.data)[i];
    Pack<T> out;
    Division at = divide(i * kSize, cols);
#pragma unroll
    for (int k = 0; k < kSize; ++k) {
      out.value[k] = slope(in.value[k], at.quotient, at.remainder);
      if (++at.remainder == cols) at = {at.quotient + 1, 0};
    }
    reinterpret_cast<Pack<T>*>(dx.data)[i] = out;
  }
  for (i64 i = packs * kSize + first_index(); i < x.size(); i += grid_stride()) {
    const Division at = divide(i, cols);
    dx.data[i] = slope(x.data[i], at.quotient, at.remainder);
  }
}

template <class T>
void forward(Cuda device, const CrossEntropyRows<T>& out, Rows<const T> x, const i64* label,
             const LabelTerms<T>& terms) {
  with_team(x.cols, [&]<bool kBlock>() {
    launch<cross_entropy_forward_kernel<T, kBlock>>(on(device, blocks_for_rows(kBlock, x.rows) + 1),
                                                    out, x, label, terms);
  });
}

template <class T>
void weighted_mean(Cuda device, const CrossEntropyMean<T>& mean) {
  launch<cross_entropy_mean_kernel<T>>({.stream = device.stream}, mean);
}

template <class T>
void backward(Cuda device, Rows<T> dx, Rows<const T> x, RowLogSums<const T> saved, const i64* label,
              RowLossGradient<T> gradient, double scale, const LabelTerms<T>& terms) {
  const i64 n = x.size();
  if (n == 0) return;
  const i64 packs = packs_in<T>(n, dx.data, x.data);
  launch<cross_entropy_backward_kernel<T>>(on(device, blocks_for(iterations<T>(n, packs))), dx, x,
                                           saved, label, gradient, scale, terms, packs);
}

}  // namespace

#define WEFT_CROSS_ENTROPY(T)                                                                      \
  template <>                                                                                      \
  void cross_entropy_forward(Cuda device, const CrossEntropyRows<T>& out, Rows<const T> x,         \
                             const i64* label, const LabelTerms<T>& terms) {                       \
    forward(device, out, x, label, terms);                                                         \
  }                                                                                                \
  template <>                                                                                      \
  void cross_entropy_mean(Cuda device, const CrossEntropyMean<T>& mean) {                          \
    weighted_mean(device, mean);                                                                   \
  }                                                                                                \
  template <>                                                                                      \
  void cross_entropy_backward(Cuda device, Rows<T> dx, Rows<const T> x, RowLogSums<const T> saved, \
                              const i64* label, RowLossGradient<T> gradient, double scale,         \
                              const LabelTerms<T>& terms) {                                        \
    backward(device, dx, x, saved, label, gradient, scale, terms);                                 \
  }
WEFT_CROSS_ENTROPY(float)
WEFT_CROSS_ENTROPY(double)
WEFT_CROSS_ENTROPY(half)
WEFT_CROSS_ENTROPY(bfloat16)

}  // namespace weft::kernels
