// SPDX-License-Identifier: Apache-2.0
// A team is the group of GPU threads that works on one row. It is a warp, so that a block processes
// several rows, or for long rows a whole block. A kernel is written once for both.
//
// Results are combined in an order that depends only on the size of the team, which depends only on
// the sizes of the arrays.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "weft/kernels/common/grid.h"

namespace weft::kernels {

inline constexpr int kWarp = 32;
inline constexpr int kWarpsPerBlock = kThreads / kWarp;
inline constexpr i64 kLongRow = 1024;  // rows of at least this many columns use a block

// The value that another lane of the warp holds. All 32 lanes must call it.
template <class V>
__device__ V lane_value(V mine, int lane) {
  static_assert(sizeof(V) % sizeof(u32) == 0 && std::is_trivially_copyable_v<V>);
  constexpr int kWords = static_cast<int>(sizeof(V) / sizeof(u32));
  struct Words {
    u32 word[kWords];
  };
  Words words = std::bit_cast<Words>(mine);
#pragma unroll
  for (int i = 0; i < kWords; ++i) words.word[i] = __shfl_sync(kAllLanes, words.word[i], lane);
  return std::bit_cast<V>(words);
}

// Combines the values of all lanes and returns the result to every lane. All 32 lanes must call it.
template <class V, class Combine>
__device__ V warp_combine(V v, const Combine& combine) {
  const int lane = static_cast<int>(threadIdx.x % kWarp);
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    // Both lanes of a pair combine in the same order, so that their results are bit-identical.
    const V other = lane_value(v, lane ^ offset);
    v = (lane & offset) == 0 ? combine(v, other) : combine(other, v);
  }
  return v;
}

// The same for all threads of a one-dimensional block of whole warps.
template <class V, class Combine>
__device__ V block_combine(V v, const Combine& combine) {
  WEFT_SHARED(partial, V[kThreads / kWarp]);
  const int warps = static_cast<int>(blockDim.x / kWarp);
  v = warp_combine(v, combine);
  __syncthreads();  // an earlier call may still read `partial`
  if (threadIdx.x % kWarp == 0) partial[threadIdx.x / kWarp] = v;
  __syncthreads();
  v = partial[0];
  for (int warp = 1; warp < warps; ++warp) v = combine(v, partial[warp]);
  return v;
}

struct Plus {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

// The team is a block if kBlock is true, otherwise a warp.
template <bool kBlock>
struct RowTeam {
  static constexpr int kSize = kBlock ? kThreads : kWarp;
  static __device__ i64 row() {
    return kBlock ? static_cast<i64>(blockIdx.x)
                  : linear_index(blockIdx.x, kWarpsPerBlock, threadIdx.x / kWarp);
  }
  static __device__ int rank() {
    return static_cast<int>(kBlock ? threadIdx.x : threadIdx.x % kWarp);
  }
  template <class V, class Combine>
  static __device__ V combine(V v, const Combine& with) {
    if constexpr (kBlock) return block_combine(v, with);
    else return warp_combine(v, with);
  }
  template <class V>
  static __device__ V sum(V v) {
    return combine(v, Plus{});
  }
};

inline u32 blocks_for_rows(bool block_per_row, i64 rows) {
  return static_cast<u32>(block_per_row ? rows : divide_up(rows, kWarpsPerBlock));
}

// Calls body.operator()<kBlock>() with the team that suits the length of a row.
template <class Body>
void with_team(i64 cols, const Body& body) {
  if (cols >= kLongRow) body.template operator()<true>();
  else body.template operator()<false>();
}

// Neighbouring elements that a thread loads at once: one element or one pack.
template <class V, int kWidth>
struct Group {
  V value[kWidth];
};
template <int kWidth, class T>
__device__ Group<Compute<T>, kWidth> load_group(const T* from) {
  static_assert(kWidth == 1 || kWidth == Pack<T>::kSize);
  if constexpr (kWidth == 1) {
    return {{static_cast<Compute<T>>(*from)}};
  } else {
    const Pack<T> pack = *reinterpret_cast<const Pack<T>*>(from);
    Group<Compute<T>, kWidth> group;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) group.value[k] = static_cast<Compute<T>>(pack.value[k]);
    return group;
  }
}
template <int kWidth, class T>
__device__ void store_group(T* to, const Group<Compute<T>, kWidth>& group) {
  static_assert(kWidth == 1 || kWidth == Pack<T>::kSize);
  if constexpr (kWidth == 1) {
    *to = static_cast<T>(group.value[0]);
  } else {
    Pack<T> pack;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) pack.value[k] = static_cast<T>(group.value[k]);
    *reinterpret_cast<Pack<T>*>(to) = pack;
  }
}
// Applies Combine element by element.
template <class Combine>
struct EachOf {
  template <class V, int kWidth>
  __device__ Group<V, kWidth> operator()(Group<V, kWidth> a, const Group<V, kWidth>& b) const {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) a.value[k] = Combine{}(a.value[k], b.value[k]);
    return a;
  }
};

// Calls body.operator()<kBlock, kWidth>(). kBlock is as in with_team(). kWidth is the size of a
// pack if every row of every array is a whole number of aligned packs, otherwise 1. `array` may be
// null.
template <class T, class Body, class... Array>
void with_row_team(i64 cols, const Body& body, const Array*... array) {
  const bool wide = cols % Pack<T>::kSize == 0 && (is_aligned(array) && ...);
  with_team(cols, [&]<bool kBlock>() {
    if (wide) body.template operator()<kBlock, Pack<T>::kSize>();
    else body.template operator()<kBlock, 1>();
  });
}

// The groups of a row that one thread of a team processes. The first kHeld groups stay in registers
// between passes. Later groups are read again in every pass, usually from the cache.
template <class C, class Team, int kWidth>
class RowCache {
 public:
  static constexpr int kHeld = 8 / kWidth;

  // load(column) returns the group that begins at the column. It is called once per held group.
  template <class Load>
  __device__ RowCache(i64 cols, const Load& load) : cols_(cols) {
#pragma unroll
    for (int k = 0; k < kHeld; ++k)
      if (column(k) < cols) held_[k] = load(column(k));
  }
  // Calls body(column, group) for each group of the thread.
  template <class Load, class Body>
  __device__ void each(const Load& load, const Body& body) const {
#pragma unroll
    for (int k = 0; k < kHeld; ++k)
      if (column(k) < cols_) body(column(k), held_[k]);
    for (i64 c = column(kHeld); c < cols_; c += Team::kSize * kWidth) body(c, load(c));
  }

 private:
  static __device__ i64 column(int k) { return (Team::rank() + i64{k} * Team::kSize) * kWidth; }

  i64 cols_;
  Group<C, kWidth> held_[kHeld]{};
};

}  // namespace weft::kernels
