// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/grid.h"
#include "weft/kernels/where.h"

namespace weft::kernels {
namespace {

template <class T>
struct Choice {
  const u8* condition;
  const T *a, *b;
};

template <class T>
__global__ void __launch_bounds__(kThreads) where_kernel(T* y, Choice<T> in, WhereShape s) {
  for (i64 i = first_index(); i < s.elements; i += grid_stride()) {
    i64 remaining = i, at_condition = 0, at_a = 0, at_b = 0;
#pragma unroll
    for (int axis = WhereShape::kMaxRank - 1; axis >= 0; --axis) {
      if (axis >= s.rank) continue;
      const auto k = static_cast<std::size_t>(axis);
      const Division at = divide(remaining, s.size[k]);
      remaining = at.quotient;
      at_condition += at.remainder * s.condition[k];
      at_a += at.remainder * s.a[k];
      at_b += at.remainder * s.b[k];
    }
    y[i] = in.condition[at_condition] != 0 ? in.a[at_a] : in.b[at_b];
  }
}

template <class T>
void choose(Cuda device, void* y, const WhereInputs& in, const WhereShape& s) {
  if (s.elements == 0) return;
  launch<where_kernel<T>>(
      on(device, blocks_for(s.elements)), static_cast<T*>(y),
      Choice<T>{in.condition, static_cast<const T*>(in.a), static_cast<const T*>(in.b)}, s);
}

}  // namespace

template <>
void where(Cuda device, void* y, const WhereInputs& in, i64 element_bytes,
           const WhereShape& shape) {
  switch (element_bytes) {
    case 1: return choose<u8>(device, y, in, shape);
    case 2: return choose<std::uint16_t>(device, y, in, shape);
    case 4: return choose<u32>(device, y, in, shape);
    default: return choose<u64>(device, y, in, shape);
  }
}

}  // namespace weft::kernels
