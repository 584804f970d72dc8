// SPDX-License-Identifier: Apache-2.0
// Note [Wide rows]
// A block for each row leaves most of a GPU idle if there are a few very wide rows. Each of those
// is cut into parts. One launch reduces every part, and the blocks of the next launch each combine
// the results of all parts of their row, in the same order. The parts depend on the sizes alone, so
// the result does too: it is the same in every run and on every GPU.
#pragma once
#include "weft/kernels/common/launch_bounds.h"
#include "weft/kernels/common/team.h"

namespace weft::kernels {

inline constexpr i64 kPartOfRow = 4 * 1024;  // the least elements of a part; a multiple of a pack
inline constexpr i64 kMostParts = 256;       // each block reads the results of all parts of its row
inline constexpr i64 kWideRow = 4 * kPartOfRow;
inline constexpr i64 kFewRows = 64;  // more rows occupy a GPU with a block for each

struct RowParts {
  i64 cols = 0, part_cols = 0, parts = 1;

  __device__ i64 row() const { return divide(blockIdx.x, parts).quotient; }
  __device__ i64 part() const { return divide(blockIdx.x, parts).remainder; }
  // Calls body(column) for each group of kWidth elements that this thread processes in its part.
  template <int kWidth, class Body>
  __device__ void each(const Body& body) const {
    const i64 begin = part() * part_cols;
    const i64 end = cols - begin < part_cols ? cols : begin + part_cols;
#pragma unroll 4
    for (i64 c = begin + i64{threadIdx.x} * kWidth; c < end; c += kThreads * kWidth) body(c);
  }
  // Combines the values of all parts of this block's row, and returns the result to every thread.
  // `none` is the value of no part.
  template <class V, class Combine>
  __device__ V combined(const V* partial, V none, const Combine& combine) const {
    const V* of_row = partial + row() * parts;
    for (i64 p = threadIdx.x; p < parts; p += kThreads) none = combine(none, of_row[p]);
    return block_combine(none, combine);
  }
};
// One part if the rows are not wide or not few.
inline RowParts row_parts(i64 rows, i64 cols) {
  if (rows > kFewRows || cols < kWideRow) return {cols, cols, 1};
  const i64 part_cols = divide_up(divide_up(cols, kMostParts), kPartOfRow) * kPartOfRow;
  return {cols, part_cols, divide_up(cols, part_cols)};
}

// Calls body.operator()<kWidth>() with the size of a pack if every row of every array is a whole
// number of aligned packs, otherwise with 1. `array` may be null.
template <class T, class Body, class... Array>
void with_row_width(i64 cols, const Body& body, const Array*... array) {
  if (cols % Pack<T>::kSize == 0 && (is_aligned(array) && ...))
    body.template operator()<Pack<T>::kSize>();
  else body.template operator()<1>();
}

}  // namespace weft::kernels
