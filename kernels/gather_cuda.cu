// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/grid.h"
#include "weft/kernels/common/scratch.h"
#include "weft/kernels/copy.h"
#include "weft/kernels/gather.h"

namespace weft::kernels {
namespace {

template <class T>
__global__ void __launch_bounds__(kThreads)
    gather_forward_kernel(T* y, const T* x, const i64* index, GatherShape s) {
  for (i64 at = first_index(); at < s.outer * s.k * s.inner; at += grid_stride()) {
    const auto [row, i] = divide(at, s.inner);
    const auto [o, j] = divide(row, s.k);
    const i64 r = index[s.index_at(o, j, i)];
    y[at] = r >= 0 && r < s.n ? x[(o * s.n + r) * s.inner + i] : static_cast<T>(~T{0});
  }
}

// A thread sums one column of one o. It visits the indices in order, so that no sum depends on the
// order of threads. `sums` begins as zeros.
template <class T>
__global__ void __launch_bounds__(kThreads)
    gather_backward_kernel(Accumulate<T>* sums, const T* dy, const i64* index, GatherShape s) {
  using Total = Accumulate<T>;
  for (i64 at = first_index(); at < s.outer * s.inner; at += grid_stride()) {
    const auto [o, i] = divide(at, s.inner);
    for (i64 j = 0; j < s.k; ++j) {
      const i64 r = index[s.index_at(o, j, i)];
      if (r < 0 || r >= s.n) continue;
      sums[(o * s.n + r) * s.inner + i] +=
          static_cast<Total>(static_cast<Compute<T>>(dy[(o * s.k + j) * s.inner + i]));
    }
  }
}

template <class T>
void choose(Cuda device, void* y, const void* x, const i64* index, const GatherShape& s) {
  const i64 n = s.outer * s.k * s.inner;
  if (n == 0) return;
  launch<gather_forward_kernel<T>>(on(device, blocks_for(n)), static_cast<T*>(y),
                                   static_cast<const T*>(x), index, s);
}

template <class T>
void sum_by_index(Cuda device, T* dx, const T* dy, const i64* index, const GatherShape& s) {
  using Total = Accumulate<T>;
  const i64 n = s.outer * s.n * s.inner;
  if (n == 0) return;
  const auto sum = [&](Total* sums) {
    zero(device, sums, n * static_cast<i64>(sizeof(Total)));
    launch<gather_backward_kernel<T>>(on(device, blocks_for(s.outer * s.inner)), sums, dy, index,
                                      s);
  };
  if constexpr (std::is_same_v<T, Total>) {
    sum(dx);
  } else {  // the sums are wider than T and are rounded once
    const Scratch<Total> sums(device, n);
    sum(sums.data());
    convert<T, Total>(device, {dx, n}, {sums.data(), n});
  }
}

}  // namespace

template <>
void gather_forward(Cuda device, void* y, const void* x, const i64* index, i64 element_bytes,
                    const GatherShape& shape) {
  switch (element_bytes) {
    case 1: return choose<u8>(device, y, x, index, shape);
    case 2: return choose<std::uint16_t>(device, y, x, index, shape);
    case 4: return choose<u32>(device, y, x, index, shape);
    default: return choose<u64>(device, y, x, index, shape);
  }
}

#define WEFT_GATHER(T)                                                    \
  template <>                                                             \
  void gather_backward(Cuda device, T* dx, const T* dy, const i64* index, \
                       const GatherShape& shape) {                        \
    sum_by_index(device, dx, dy, index, shape);                           \
  }
WEFT_GATHER(float)
WEFT_GATHER(double)
WEFT_GATHER(half)
WEFT_GATHER(bfloat16)

}  // namespace weft::kernels
