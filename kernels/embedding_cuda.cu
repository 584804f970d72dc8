// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "weft/kernels/copy.h"
#include "weft/kernels/embedding.h"
#include "weft/kernels/common/first_bad.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

constexpr i64 kRowsPerBlock = 32;  // rows of the table that a block of the backward pass writes

// Each warp copies the row of one index. The last block validates the indices.
template <class T>
__global__ void __launch_bounds__(kThreads)
    embedding_forward_kernel(Rows<T> y, i64* bad, Rows<const T> table, const i64* index,
                             bool wide) {
  using Team = RowTeam<false>;
  const i64 n = y.rows, rows = table.rows, cols = table.cols;
  if (blockIdx.x == gridDim.x - 1) {
    find_first_bad(bad, index, n, rows);
    return;
  }
  const i64 i = Team::row();
  if (i >= n) return;
  const i64 from = index[i];
  T* out = y.row(i);
  if (from < 0 || from >= rows) {
    for (i64 c = Team::rank(); c < cols; c += Team::kSize)
      out[c] = static_cast<T>(std::numeric_limits<Compute<T>>::quiet_NaN());
    return;
  }
  const T* in = table.row(from);
  const i64 packs = wide ? cols / Pack<T>::kSize : 0;
  for (i64 c = Team::rank(); c < packs; c += Team::kSize)
    reinterpret_cast<Pack<T>*>(out)[c] = reinterpret_cast<const Pack<T>*>(in)[c];
  for (i64 c = packs * Pack<T>::kSize + Team::rank(); c < cols; c += Team::kSize) out[c] = in[c];
}

// A block writes a range of rows of dtable and scans all indices for that range. Each row is
// therefore summed in the order of the indices, without atomics. A thread writes some columns of
// those rows.
template <class T>
__global__ void __launch_bounds__(kThreads)
    embedding_backward_kernel(Rows<Accumulate<T>> dtable, Rows<const T> dy, const i64* index) {
  using Total = Accumulate<T>;
  const i64 n = dy.rows, rows = dtable.rows, cols = dtable.cols;
  WEFT_SHARED(found, i64[kThreads]);  // positions of one iteration with an index in range
  WEFT_SHARED(to_row, i64[kThreads]);
  WEFT_SHARED(warp_count, int[kWarpsPerBlock]);
  const i64 begin = blockIdx.x * kRowsPerBlock,
            end = rows - begin < kRowsPerBlock ? rows : begin + kRowsPerBlock;
  const int lane = static_cast<int>(threadIdx.x % kWarp),
            warp = static_cast<int>(threadIdx.x / kWarp);
  for (i64 row = begin; row < end; ++row)
    for (i64 c = threadIdx.x; c < cols; c += kThreads) dtable(row, c) = Total(0);
  for (i64 base = 0; base < n; base += kThreads) {
    const i64 i = base + threadIdx.x;
    const i64 row = i < n ? index[i] : -1;
    const bool ours = row >= begin && row < end;
    const u32 lanes = __ballot_sync(kAllLanes, ours);
    if (lane == 0) warp_count[warp] = __popc(lanes);
    __syncthreads();  // all threads have finished the previous list
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
        dtable(to_row[k], c) += static_cast<Total>(static_cast<Compute<T>>(dy(found[k], c)));
  }
}

// Each warp adds the row of one index by atomics.
template <class T>
__global__ void __launch_bounds__(kThreads)
    embedding_scatter_kernel(Rows<Accumulate<T>> dtable, Rows<const T> dy, const i64* index) {
  using Team = RowTeam<false>;
  const i64 i = Team::row();
  if (i >= dy.rows || index[i] < 0 || index[i] >= dtable.rows) return;
  Accumulate<T>* to = dtable.row(index[i]);
  for (i64 c = Team::rank(); c < dy.cols; c += Team::kSize)
    atomicAdd(to + c, static_cast<Accumulate<T>>(static_cast<Compute<T>>(dy(i, c))));
}

template <class T>
void sum_by_index(Cuda device, Rows<Accumulate<T>> dtable, Rows<const T> dy, const i64* index) {
  if (embedding_atomics) {
    zero(device, dtable.data, dtable.size() * static_cast<i64>(sizeof(Accumulate<T>)));
    if (dy.rows > 0)
      launch<embedding_scatter_kernel<T>>(on(device, blocks_for_rows(false, dy.rows)), dtable, dy,
                                          index);
  } else {
    launch<embedding_backward_kernel<T>>(
        on(device, static_cast<u32>(divide_up(dtable.rows, kRowsPerBlock))), dtable, dy, index);
  }
}

template <class T>
void forward(Cuda device, Rows<T> y, i64* bad, Rows<const T> table, const i64* index) {
  const bool wide = y.cols % Pack<T>::kSize == 0 && is_aligned(y.data) && is_aligned(table.data);
  launch<embedding_forward_kernel<T>>(on(device, blocks_for_rows(false, y.rows) + 1), y, bad, table,
                                      index, wide);
}

template <class T>
void backward(Cuda device, Rows<T> dtable, Rows<const T> dy, const i64* index) {
  using Total = Accumulate<T>;
  const i64 n = dtable.size();
  if (n == 0) return;
  if constexpr (std::is_same_v<T, Total>) {
    sum_by_index<T>(device, dtable, dy, index);
  } else {  // the sums are wider than T and are rounded once
    const Scratch<Total> sums(device, n);
    sum_by_index<T>(device, {sums.data(), dtable.rows, dtable.cols}, dy, index);
    convert<T, Total>(device, {dtable.data, n}, {sums.data(), n});
  }
}

}  // namespace

#define WEFT_EMBEDDING(T)                                                                    \
  template <>                                                                                \
  void embedding_forward(Cuda device, Rows<T> y, i64* bad, Rows<const T> table,              \
                         const i64* index) {                                                 \
    forward(device, y, bad, table, index);                                                   \
  }                                                                                          \
  template <>                                                                                \
  void embedding_backward(Cuda device, Rows<T> dtable, Rows<const T> dy, const i64* index) { \
    backward(device, dtable, dy, index);                                                     \
  }
WEFT_EMBEDDING(float)
WEFT_EMBEDDING(double)
WEFT_EMBEDDING(half)
WEFT_EMBEDDING(bfloat16)

}  // namespace weft::kernels
