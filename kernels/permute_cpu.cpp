// SPDX-License-Identifier: Apache-2.0
#include "weft/device/parallel.h"
#include "weft/kernels/permute.h"

namespace weft::kernels {
namespace {

template <class T>
void run(T* y, const T* x, const PermuteShape& s) {
  const auto last = static_cast<std::size_t>(s.rank - 1);
  const i64 inner = s.size[last], inner_stride = s.stride[last];
  parallel_for(s.elements / inner, 8192 / inner + 1, [&](i64 begin, i64 end) {
    for (i64 row = begin; row < end; ++row) {
      i64 remaining = row, from = 0;
      for (int axis = s.rank - 2; axis >= 0; --axis) {
        const auto k = static_cast<std::size_t>(axis);
        from += remaining % s.size[k] * s.stride[k];
        remaining /= s.size[k];
      }
      for (i64 i = 0; i < inner; ++i) y[row * inner + i] = x[from + i * inner_stride];
    }
  });
}

}  // namespace

template <>
void permute(Cpu, void* y, const void* x, i64 element_bytes, const PermuteShape& shape) {
  if (shape.elements == 0) return;
  switch (element_bytes) {
    case 1: return run(static_cast<u8*>(y), static_cast<const u8*>(x), shape);
    case 2: return run(static_cast<std::uint16_t*>(y), static_cast<const std::uint16_t*>(x), shape);
    case 4: return run(static_cast<u32*>(y), static_cast<const u32*>(x), shape);
    default: return run(static_cast<u64*>(y), static_cast<const u64*>(x), shape);
  }
}

}  // namespace weft::kernels
