// SPDX-License-Identifier: Apache-2.0
// Sums down the columns of a matrix on a GPU. A block sums 32 neighbouring columns over a run of
// rows, and its eight warps divide those rows among themselves. If there are several runs, a second
// launch combines their sums. The bounds of the runs depend on the sizes alone. With kWidth above 1
// a thread sums kWidth neighbouring columns and a block 32·kWidth; the sums stay bit-identical.
#pragma once
#include "weft/kernels/common/team.h"

namespace weft::kernels {

inline constexpr int kColumnWarps = kThreads / kWarp;
inline constexpr i64 kRowsPerRun = 64;      // a shorter run costs more than it saves
inline constexpr i64 kColumnBlocks = 1024;  // enough to occupy every GPU

struct ColumnRuns {
  i64 rows = 0, cols = 0;
  i64 rows_per_run = 0, runs = 0;

  WEFT_HOST_DEVICE i64 begin(i64 run) const { return run * rows_per_run; }
  WEFT_HOST_DEVICE i64 end(i64 run) const {
    const i64 last = begin(run) + rows_per_run;
    return last < rows ? last : rows;
  }
};
// The runs for each of `matrices` matrices of one shape.
inline ColumnRuns column_runs(i64 rows, i64 cols, i64 matrices = 1) {
  const i64 wide = std::max<i64>(divide_up(cols, kWarp) * matrices, 1);
  const i64 most = std::max<i64>(kColumnBlocks / wide, 1);
  const i64 runs = std::clamp<i64>(divide_up(rows, kRowsPerRun), 1, most);
  const i64 rows_per_run = std::max<i64>(divide_up(rows, runs), 1);
  return {rows, cols, rows_per_run, std::max<i64>(divide_up(rows, rows_per_run), 1)};
}

// The grid is one-dimensional. The group of columns varies fastest, then the run, then the matrix.
struct ColumnBlock {
  i64 column = 0;  // the first column of this thread; may be past the end
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
  return {(group.remainder * kWarp + threadIdx.x % kWarp) * kWidth, run.remainder, run.quotient,
          static_cast<int>(threadIdx.x / kWarp)};
}

// Calls body.operator()<kWidth>(). kWidth is the size of a pack if every row is a whole number of
// aligned packs and has at least one pack for each lane of a warp; otherwise kWidth is 1.
template <class T, class Body, class... Array>
void with_column_width(i64 cols, const Body& body, const Array*... array) {
  constexpr int kSize = Pack<T>::kSize;
  if (cols % kSize == 0 && cols >= kWarp * kSize && (is_aligned(array) && ...))
    body.template operator()<kSize>();
  else body.template operator()<1>();
}

// Combines the values that the eight warps hold for each column. The result is valid in warp 0. All
// threads of the block must call it.
template <class V, class Combine>
__device__ V combine_warps(V v, const Combine& combine) {
  WEFT_SHARED(partial, V[kColumnWarps][kWarp]);
  const int lane = static_cast<int>(threadIdx.x % kWarp),
            warp = static_cast<int>(threadIdx.x / kWarp);
  __syncthreads();  // an earlier call may still read `partial`
  partial[warp][lane] = v;
  __syncthreads();
  if (warp == 0)
    for (int other = 1; other < kColumnWarps; ++other) v = combine(v, partial[other][lane]);
  return v;
}

// Two sums that one pass computes.
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
