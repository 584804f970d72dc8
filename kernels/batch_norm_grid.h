// SPDX-License-Identifier: Apache-2.0
// What the kernels of batch norm share on a GPU: the values of each channel, and how threads walk
// over (rows, channels).
#pragma once
#include "weft/kernels/batch_norm.h"
#include "weft/kernels/common/columns.h"
#include "weft/kernels/common/few.h"

namespace weft::kernels {

// The factor and the offset of a channel. The mean is the sum of two values, so that x − mean keeps
// its precision if the mean is large.
template <class C>
struct NormChannel {
  C mean, mean_low;  // the mean is mean + mean_low
  C scale;           // gamma·inv_std
  C beta;

  __device__ C centred(C x) const { return (x - mean) - mean_low; }
};
// The values of a channel that the backward pass subtracts from dz: dz_mean and slope·(x − mean).
template <class C>
struct NormGradientTerms {
  C dz_mean;  // Σ dz/rows
  C slope;    // inv_std²·Σ dz·(x − mean)/rows
};

template <class T>
__device__ NormChannel<Compute<T>> channel_of(const BatchNormParameters<T>& p, i64 c) {
  using C = Compute<T>;
  const C m = static_cast<C>(p.mean[c]);
  const double g = p.gamma != nullptr ? static_cast<double>(static_cast<C>(p.gamma[c])) : 1.0;
  return {m, static_cast<C>(p.mean[c] - static_cast<double>(m)), static_cast<C>(g * p.inv_std[c]),
          p.beta != nullptr ? static_cast<C>(p.beta[c]) : C(0)};
}

// Distributes (rows, channels) over threads. A thread processes kWidth fixed channels of several
// rows.
struct RowGrid {
  i64 rows = 0, channels = 0;
  i64 groups = 0;     // groups of kWidth channels
  i64 per_block = 0;  // groups of one row that a block processes
  i64 row_blocks = 0;
};
template <int kWidth>
RowGrid row_grid(i64 rows, i64 channels) {
  const i64 groups = divide_up(channels, kWidth);
  i64 per_block = 1;
  while (per_block < groups && per_block < kWarp) per_block *= 2;
  const i64 wide = divide_up(groups, per_block), rows_at_once = kThreads / per_block;
  constexpr i64 kRowsPerThread = 8;  // enough rows to amortise loading the values of a channel
  const i64 row_blocks = std::clamp<i64>(divide_up(rows, rows_at_once * kRowsPerThread), 1,
                                         std::max<i64>(4096 / wide, 1));
  return {rows, channels, groups, per_block, row_blocks};
}
inline u32 blocks_of(const RowGrid& g) {
  return static_cast<u32>(divide_up(g.groups, g.per_block) * g.row_blocks);
}
struct RowWalk {
  i64 channel, row, step;  // the first channel, the first row and the step to the next row
};
template <int kWidth>
__device__ RowWalk row_walk(const RowGrid& g) {
  const i64 wide = divide_up(g.groups, g.per_block), at_once = blockDim.x / g.per_block;
  const Division block = divide(blockIdx.x, wide), thread = divide(threadIdx.x, g.per_block);
  return {(block.remainder * g.per_block + thread.remainder) * kWidth,
          block.quotient * at_once + thread.quotient, at_once * g.row_blocks};
}

template <class C>
__device__ NormGradientTerms<C> terms_of(TwoSums<double> sums, double rows, double inv_std) {
  const double per_row = rows > 0 ? 1.0 / rows : 0.0;
  return {static_cast<C>(sums.first * per_row),
          static_cast<C>(sums.second * per_row * inv_std * inv_std)};
}

// Computes the terms from the sums of each channel over `rows`. If `rows` is 0, sums[2·channels] is
// their number.
template <class C>
__global__ void __launch_bounds__(kThreads)
    gradient_terms_kernel(NormGradientTerms<C>* terms, const double* sums, const double* inv_std,
                          i64 channels, i64 rows) {
  const double count = rows > 0 ? static_cast<double>(rows) : sums[2 * channels];
  for (i64 c = first_index(); c < channels; c += grid_stride())
    terms[c] = terms_of<C>({sums[c], sums[channels + c]}, count, inv_std[c]);
}

// Calls body.operator()<kWidth>(). kWidth is up to 4 if every row is a whole number of aligned
// groups of kWidth channels, otherwise 1.
template <class T, class Body, class... Array>
void with_channel_width(i64 channels, const Body& body, const Array*... array) {
  constexpr int kWidth = Pack<T>::kSize > 4 ? 4 : Pack<T>::kSize;
  if (channels % kWidth == 0 && (is_aligned(array) && ...)) body.template operator()<kWidth>();
  else body.template operator()<1>();
}

}  // namespace weft::kernels
