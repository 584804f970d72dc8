// SPDX-License-Identifier: Apache-2.0
// Sums down the columns of a matrix on a GPU: a block takes 32 neighbouring columns and a run of
// rows, which its eight warps share; where there are several runs, a second launch combines them.
// The borders depend on the sizes alone. A thread may take kWidth neighbouring columns, the block
// then takes as many times 32; sums stay the same to the bit.
#pragma once
#include "weft/kernels/common/team.h"

namespace weft::kernels {

inline constexpr int kColumnWarps = kThreads / kWarp;
inline constexpr i64 kRowsPerRun = 64;      // below which a run is not worth a block
inline constexpr i64 kColumnBlocks = 1024;  // more than these keep no GPU busier

struct ColumnRuns {
  i64 rows = 0, cols = 0;
  i64 rows_per_run = 0, runs = 0;

  WEFT_HOST_DEVICE i64 begin(i64 run) const { return run * rows_per_run; }
  WEFT_HOST_DEVICE i64 end(i64 run) const {
    const i64 last = begin(run) + rows_per_run;
    return last < rows ? last : rows;
  }
};
// For `matrices` matrices of one shape.
inline ColumnRuns column_runs(i64 rows, i64 cols, i64 matrices = 1) {
  const i64 wide = std::max<i64>(divide_up(cols, kWarp) * matrices, 1);
  const i64 most = std::max<i64>(kColumnBlocks / wide, 1);
  const i64 runs = std::clamp<i64>(divide_up(rows, kRowsPerRun), 1, most);
  const i64 rows_per_run = std::max<i64>(divide_up(rows, runs), 1);
  return {rows, cols, rows_per_run, std::max<i64>(divide_up(rows, rows_per_run), 1)};
}

// The grid is one row of blocks: groups of 32 columns run fastest, then runs, then matrices.
struct ColumnBlock {
  i64 column = 0;  // the first of this thread; may lie behind the last
  i64 run = 0, matrix = 0;
  int warp = 0;
};
template <int kWidth = 1>
u32 blocks_for_columns(const ColumnRuns& runs, i64 matrices = 1) {
  return static_cast<u32>(divide_up(runs.cols, kWarp * kWidth) * runs.runs * matrices);
}
template <int kWidth = 1>
__device__ ColumnBlock column_block(const ColumnRuns& runs) {
  const Division group = divide(blockIdx.x, divide_up(runs.cols, kWarp * kWidth));
  const Division run = divide(group.quotient, runs.runs);
  return {(group.rest * kWarp + threadIdx.x % kWarp) * kWidth, run.rest, run.quotient,
          static_cast<int>(threadIdx.x / kWarp)};
}

// body.operator()<kWidth>(): a pack of columns for each thread where all rows begin with a whole
// one and a warp finds enough to do.
template <class T, class Body, class... Array>
void with_column_width(i64 cols, const Body& body, const Array*... array) {
  constexpr int kSize = Pack<T>::kSize;
  if (cols % kSize == 0 && cols >= kWarp * kSize && (is_aligned(array) && ...))
    body.template operator()<kSize>();
  else body.template operator()<1>();
}

// combine() of the values that the eight warps have for each column, valid in warp 0. The whole
// block calls it.
template <class V, class Combine>
__device__ V combine_warps(V v, const Combine& combine) {
  WEFT_SHARED(partial, V[kColumnWarps][kWarp]);
  const int lane = static_cast<int>(threadIdx.x % kWarp),
            warp = static_cast<int>(threadIdx.x / kWarp);
  __syncthreads();  // the call before may still be reading
  partial[warp][lane] = v;
  __syncthreads();
  if (warp == 0)
    for (int other = 1; other < kColumnWarps; ++other) v = combine(v, partial[other][lane]);
  return v;
}

// Two sums that are made in one go.
template <class C>
struct TwoSums {
  C first, second;
};
struct AddTwoSums {
  template <class C>
  __device__ TwoSums<C> operator()(TwoSums<C> a, TwoSums<C> b) const {
    return {a.first + b.first, a.second + b.second};
  }
};

}  // namespace weft::kernels
