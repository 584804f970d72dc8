// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "weft/kernels/copy.h"
#include "weft/kernels/embedding.h"
#include "weft/kernels/common/first_bad.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

constexpr i64 kRowsPerBlock = 32;  // of the table, in the backward pass

// A warp for each index; the last block looks for bad ones.
template <class T>
__global__ void __launch_bounds__(kThreads)
    embedding_forward_kernel(T* y, i64* bad, const T* table, const i64* index, i64 n, i64 rows,
                             i64 cols, bool wide) {
  using Team = RowTeam<false>;
  if (blockIdx.x == gridDim.x - 1) {
    find_first_bad(bad, index, n, rows);
    return;
  }
  const i64 i = Team::row();
  if (i >= n) return;
  const i64 from = index[i];
  T* out = y + i * cols;
  if (from < 0 || from >= rows) {
    for (i64 c = Team::rank(); c < cols; c += Team::kSize)
      out[c] = static_cast<T>(std::numeric_limits<Compute<T>>::quiet_NaN());
    return;
  }
  const T* in = table + from * cols;
  const i64 packs = wide ? cols / Pack<T>::kSize : 0;
  for (i64 c = Team::rank(); c < packs; c += Team::kSize)
    reinterpret_cast<Pack<T>*>(out)[c] = reinterpret_cast<const Pack<T>*>(in)[c];
  for (i64 c = packs * Pack<T>::kSize + Team::rank(); c < cols; c += Team::kSize) out[c] = in[c];
}

// A block owns some rows of the table and looks through all indices for them, so that each row is
// summed in the order of the indices, without atomics. A thread owns columns of those rows.
template <class T>
__global__ void __launch_bounds__(kThreads)
    embedding_backward_kernel(Compute<T>* dtable, const T* dy, const i64* index, i64 n, i64 rows,
                              i64 cols) {
  using C = Compute<T>;
  WEFT_SHARED(found, i64[kThreads]);  // positions whose index is ours, of one round, in order
  WEFT_SHARED(to_row, i64[kThreads]);
  WEFT_SHARED(warp_count, int[kWarpsPerBlock]);
  const i64 begin = blockIdx.x * kRowsPerBlock,
            end = rows - begin < kRowsPerBlock ? rows : begin + kRowsPerBlock;
  const int lane = static_cast<int>(threadIdx.x % kWarp),
            warp = static_cast<int>(threadIdx.x / kWarp);
  for (i64 row = begin; row < end; ++row)
    for (i64 c = threadIdx.x; c < cols; c += kThreads) dtable[row * cols + c] = C(0);
  for (i64 base = 0; base < n; base += kThreads) {
    const i64 i = base + threadIdx.x;
    const i64 row = i < n ? index[i] : -1;
    const bool ours = row >= begin && row < end;
    const u32 lanes = __ballot_sync(kAllLanes, ours);
    if (lane == 0) warp_count[warp] = __popc(lanes);
    __syncthreads();  // also: all have done the last round's list
    int before = 0, total = 0;
    for (int w = 0; w < kWarpsPerBlock; ++w) {
      before += w < warp ? warp_count[w] : 0;
      total += warp_count[w];
    }
    if (ours) {
      const int place = before + __popc(lanes & ((1u << lane) - 1));
      found[place] = i;
      to_row[place] = row;
    }
    __syncthreads();
    for (int k = 0; k < total; ++k)
      for (i64 c = threadIdx.x; c < cols; c += kThreads)
        dtable[to_row[k] * cols + c] += static_cast<C>(dy[found[k] * cols + c]);
  }
}

// A warp adds the row of one index.
template <class T>
__global__ void __launch_bounds__(kThreads)
    embedding_scatter_kernel(Compute<T>* dtable, const T* dy, const i64* index, i64 n, i64 cols) {
  using Team = RowTeam<false>;
  const i64 i = Team::row();
  if (i >= n) return;
  Compute<T>* to = dtable + index[i] * cols;
  for (i64 c = Team::rank(); c < cols; c += Team::kSize)
    atomicAdd(to + c, static_cast<Compute<T>>(dy[i * cols + c]));
}

template <class T>
void sum_by_index(Cuda device, Compute<T>* dtable, const T* dy, const i64* index, i64 n, i64 rows,
                  i64 cols) {
  if (embedding_atomics) {
    zero(device, dtable, rows * cols * static_cast<i64>(sizeof(Compute<T>)));
    if (n > 0)
      launch<embedding_scatter_kernel<T>>(on(device, blocks_for_rows(false, n)), dtable, dy, index,
                                          n, cols);
  } else {
    launch<embedding_backward_kernel<T>>(
        on(device, static_cast<u32>(divide_up(rows, kRowsPerBlock))), dtable, dy, index, n, rows,
        cols);
  }
}

}  // namespace

template <class T>
void embedding_forward(Cuda device, T* y, i64* bad, const T* table, const i64* index, i64 n,
                       i64 rows, i64 cols) {
  const bool wide = cols % Pack<T>::kSize == 0 && is_aligned(y) && is_aligned(table);
  launch<embedding_forward_kernel<T>>(on(device, blocks_for_rows(false, n) + 1), y, bad, table,
                                      index, n, rows, cols, wide);
}

template <class T>
void embedding_backward(Cuda device, T* dtable, const T* dy, const i64* index, i64 n, i64 rows,
                        i64 cols) {
  using C = Compute<T>;
  if (rows * cols == 0) return;
  if constexpr (std::is_same_v<T, C>) {
    sum_by_index(device, dtable, dy, index, n, rows, cols);
  } else {  // sums in float, rounded once
    const Scratch<C> sums(device, rows * cols);
    sum_by_index(device, sums.data(), dy, index, n, rows, cols);
    convert(device, dtable, static_cast<const C*>(sums.data()), rows * cols);
  }
}

#define WEFT_EMBEDDING(T)                                                               \
  template void embedding_forward(Cuda, T*, i64*, const T*, const i64*, i64, i64, i64); \
  template void embedding_backward(Cuda, T*, const T*, const i64*, i64, i64, i64);
WEFT_EMBEDDING(float)
WEFT_EMBEDDING(double)
WEFT_EMBEDDING(half)
WEFT_EMBEDDING(bfloat16)

}  // namespace weft::kernels
