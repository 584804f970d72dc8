// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/gather.h"

#include <algorithm>

#include "weft/device/parallel.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

template <class T>
void choose(void* out, const void* in, const i64* index, const GatherShape& s) {
  auto* const y = static_cast<T*>(out);
  const auto* const x = static_cast<const T*>(in);
  parallel_for(s.outer * s.k, 16 * 1024 / (s.inner + 1) + 1, [&](i64 begin, i64 end) {
    for (i64 row = begin; row < end; ++row) {
      const i64 o = row / s.k, j = row % s.k;
      for (i64 i = 0; i < s.inner; ++i) {
        const i64 r = index[s.index_at(o, j, i)];
        y[row * s.inner + i] =
            r >= 0 && r < s.n ? x[(o * s.n + r) * s.inner + i] : static_cast<T>(~T{0});
      }
    }
  });
}

constexpr i64 kColumns = 256;  // of one o, which one thread sums

// A thread sums some columns of one o. It visits the indices in order.
template <class T>
void sum_by_index(T* dx, const T* dy, const i64* index, const GatherShape& s) {
  const i64 blocks = (s.inner + kColumns - 1) / kColumns;
  const Scratch<double, Cpu> memory(Cpu{}, s.outer * s.n * s.inner);
  double* const sums = memory.data();
  const i64 work = (s.n + s.k) * std::min(s.inner, kColumns);
  parallel_for(s.outer * blocks, 16 * 1024 / (work + 1) + 1, [&](i64 begin, i64 end) {
    for (i64 unit = begin; unit < end; ++unit) {
      const i64 o = unit / blocks, first = unit % blocks * kColumns;
      const i64 width = std::min(kColumns, s.inner - first);
      double* const to = sums + o * s.n * s.inner + first;
      for (i64 r = 0; r < s.n; ++r) std::fill_n(to + r * s.inner, width, 0.0);
      for (i64 j = 0; j < s.k; ++j) {
        for (i64 i = 0; i < width; ++i) {
          const i64 r = index[s.index_at(o, j, first + i)];
          if (r >= 0 && r < s.n)
            to[r * s.inner + i] += static_cast<double>(dy[(o * s.k + j) * s.inner + first + i]);
        }
      }
      for (i64 r = 0; r < s.n; ++r)
        for (i64 i = 0; i < width; ++i)
          dx[(o * s.n + r) * s.inner + first + i] = static_cast<T>(to[r * s.inner + i]);
    }
  });
}

}  // namespace

template <>
void gather_forward(Cpu, void* y, const void* x, const i64* index, i64 element_bytes,
                    const GatherShape& shape) {
  switch (element_bytes) {
    case 1: return choose<u8>(y, x, index, shape);
    case 2: return choose<std::uint16_t>(y, x, index, shape);
    case 4: return choose<u32>(y, x, index, shape);
    default: return choose<u64>(y, x, index, shape);
  }
}

#define WEFT_GATHER(T)                                                                        \
  template <>                                                                                 \
  void gather_backward(Cpu, T* dx, const T* dy, const i64* index, const GatherShape& shape) { \
    sum_by_index(dx, dy, index, shape);                                                       \
  }
WEFT_GATHER(float)
WEFT_GATHER(double)

}  // namespace weft::kernels
