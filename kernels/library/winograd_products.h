// SPDX-License-Identifier: Apache-2.0
// Products of small matrices, for the convolutions of winograd.h. All of it is inlined into the
// body of with_lanes() (vectors.h).
#pragma once
#include "weft/kernels/library/vectors.h"

namespace weft::kernels::winograd {

using vectors::for_lanes;
using vectors::Lanes;
using vectors::load;
using vectors::store;
using vectors::Vector;
using vectors::with_lanes;

// A panel is a matrix with rows of 16 floats, one cache line.
inline constexpr i64 kPanel = 16;

// The right operand of products: `count` panels of `depth` rows, `stride` floats apart.
struct Panels {
  const float* first = nullptr;
  i64 stride = 0;
};
// The left operand: element (row, at) is first[row · row_stride + at · step].
struct Left {
  const float* first = nullptr;
  i64 row_stride = 0, step = 0;
};

// Writes, or adds, `rows` rows of `panels` panels of left · right to `result`, whose rows are
// `stride` floats apart.
template <int lanes, int rows, int panels, bool adds>
[[gnu::always_inline]] inline void tile_product(float* result, i64 stride, const Left& left,
                                                const Panels& right, i64 depth) {
  using V = Vector<lanes>;
  constexpr int each = kPanel / lanes, wide = panels * each;
  V sums[rows][wide];
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < wide; ++v) sums[i][v] = V{};
  for (i64 at = 0; at < depth; ++at) {
    V b[wide];
#pragma GCC unroll 8
    for (int v = 0; v < wide; ++v)
      load<lanes>(b[v], right.first + v / each * right.stride + at * kPanel + v % each * lanes);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const float a = left.first[i * left.row_stride + at * left.step];
#pragma GCC unroll 8
      for (int v = 0; v < wide; ++v) sums[i][v] += a * b[v];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < wide; ++v) {
      float* const target = result + i * stride + v * lanes;
      if constexpr (adds) {
        V before;
        load<lanes>(before, target);
        sums[i][v] += before;
      }
      store<lanes>(target, sums[i][v]);
    }
}

// The same for any number of rows, at most kRows at a time.
template <int lanes, int panels, bool adds, int rows = Lanes<lanes>::kRows>
[[gnu::always_inline]] inline void rows_product(float* result, i64 stride, Left left,
                                                const Panels& right, i64 depth, i64 count) {
  for (; count >= rows; count -= rows) {
    tile_product<lanes, rows, panels, adds>(result, stride, left, right, depth);
    result += rows * stride;
    left.first += rows * left.row_stride;
  }
  if constexpr (rows > 1)
    if (count > 0)
      rows_product<lanes, panels, adds, rows / 2>(result, stride, left, right, depth, count);
}

// result (rows × 16·count) = or += left (rows × depth) · right (depth × 16·count).
template <int lanes, bool adds>
[[gnu::always_inline]] inline void panels_product(float* result, i64 stride, const Left& left,
                                                  Panels right, i64 depth, i64 rows, i64 count) {
  constexpr int together = Lanes<lanes>::kPanels;
  i64 panel = 0;
  for (; panel + together <= count; panel += together, right.first += together * right.stride)
    rows_product<lanes, together, adds>(result + panel * kPanel, stride, left, right, depth, rows);
  if (panel < count)
    rows_product<lanes, 1, adds>(result + panel * kPanel, stride, left, right, depth, rows);
}

}  // namespace weft::kernels::winograd
