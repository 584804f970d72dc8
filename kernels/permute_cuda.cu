// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/grid.h"
#include "weft/kernels/permute.h"

namespace weft::kernels {
namespace {

constexpr int kTile = 32;     // rows and columns of a tile
constexpr int kTileRows = 8;  // rows that the threads of a block copy at once
static_assert(kTile * kTileRows == kThreads);

// The offset in x of y[index].
WEFT_HOST_DEVICE inline i64 source_of(const PermuteShape& s, i64 index) {
  i64 from = 0;
#pragma unroll
  for (int axis = 5; axis >= 0; --axis) {
    if (axis >= s.rank) continue;
    const auto k = static_cast<std::size_t>(axis);
    const Division at = divide(index, s.size[k]);
    from += at.remainder * s.stride[k];
    index = at.quotient;
  }
  return from;
}

template <class T>
__global__ void __launch_bounds__(kThreads) gather_kernel(T* y, const T* x, PermuteShape s) {
  for (i64 i = first_index(); i < s.elements; i += grid_stride()) y[i] = x[source_of(s, i)];
}

// A transposition copies tiles of two axes through shared memory. One axis is contiguous in x and
// the other in y, so that neighbouring threads both read and write neighbouring elements.
struct Transposition {
  i64 rows = 0, cols = 0;    // sizes of the axis contiguous in x and of the axis contiguous in y
  i64 y_row = 0, x_col = 0;  // stride of a row in y and of a column in x
  PermuteShape other_axes;   // with their strides in x
  std::array<i64, 6> other_strides_in_y{};
  WEFT_HOST_DEVICE i64 row_tiles() const { return divide_up(rows, kTile); }
  WEFT_HOST_DEVICE i64 col_tiles() const { return divide_up(cols, kTile); }
};

template <class T>
__global__ void __launch_bounds__(kThreads) transpose_kernel(T* y, const T* x, Transposition t) {
  WEFT_SHARED(tile, T[kTile][kTile + 1]);  // the odd width avoids bank conflicts
  const int tx = static_cast<int>(threadIdx.x % kTile), ty = static_cast<int>(threadIdx.x / kTile);
  const Division outer = divide(blockIdx.x, t.col_tiles()),
                 batch = divide(outer.quotient, t.row_tiles());
  const i64 row = batch.remainder * kTile, col = outer.remainder * kTile;
  i64 from = 0, to = 0, index = batch.quotient;
#pragma unroll
  for (int axis = 5; axis >= 0; --axis) {
    if (axis >= t.other_axes.rank) continue;
    const auto k = static_cast<std::size_t>(axis);
    const Division at = divide(index, t.other_axes.size[k]);
    from += at.remainder * t.other_axes.stride[k];
    to += at.remainder * t.other_strides_in_y[k];
    index = at.quotient;
  }
  for (int k = ty; k < kTile; k += kTileRows)
    if (row + tx < t.rows && col + k < t.cols)
      tile[k][tx] = x[from + (col + k) * t.x_col + row + tx];
  __syncthreads();
  for (int k = ty; k < kTile; k += kTileRows)
    if (row + k < t.rows && col + tx < t.cols) y[to + (row + k) * t.y_row + col + tx] = tile[tx][k];
}

// The axis of y that is contiguous in x, or −1 if tiles would not pay off.
int contiguous_axis(const PermuteShape& s) {
  const auto last = static_cast<std::size_t>(s.rank - 1);
  if (s.stride[last] == 1 || s.size[last] < 8) return -1;
  for (int axis = 0; axis < s.rank - 1; ++axis) {
    const auto k = static_cast<std::size_t>(axis);
    if (s.stride[k] == 1 && s.size[k] >= 8) return axis;
  }
  return -1;
}

template <class T>
void transpose(Cuda device, T* y, const T* x, const PermuteShape& s, int contiguous) {
  Transposition t;
  i64 along = 1, batches = 1;
  for (int axis = s.rank - 1; axis >= 0; --axis) {
    const auto k = static_cast<std::size_t>(axis);
    if (axis == s.rank - 1) {
      t.cols = s.size[k];
      t.x_col = s.stride[k];
    } else if (axis == contiguous) {
      t.rows = s.size[k];
      t.y_row = along;
    } else {
      const auto next = static_cast<std::size_t>(t.other_axes.rank++);
      t.other_axes.size[next] = s.size[k];
      t.other_axes.stride[next] = s.stride[k];
      t.other_strides_in_y[next] = along;
      batches *= s.size[k];
    }
    along *= s.size[k];
  }
  launch<transpose_kernel<T>>(on(device, static_cast<u32>(batches * t.row_tiles() * t.col_tiles())),
                              y, x, t);
}

template <class T>
void run(Cuda device, void* y, const void* x, const PermuteShape& s) {
  auto* to = static_cast<T*>(y);
  const auto* from = static_cast<const T*>(x);
  if (const int axis = contiguous_axis(s); axis >= 0) return transpose(device, to, from, s, axis);
  launch<gather_kernel<T>>(on(device, blocks_for(s.elements)), to, from, s);
}

}  // namespace

template <>
void permute(Cuda device, void* y, const void* x, i64 element_bytes, const PermuteShape& shape) {
  if (shape.elements == 0) return;
  switch (element_bytes) {
    case 1: return run<u8>(device, y, x, shape);
    case 2: return run<std::uint16_t>(device, y, x, shape);
    case 4: return run<u32>(device, y, x, shape);
    default: return run<u64>(device, y, x, shape);
  }
}

}  // namespace weft::kernels
