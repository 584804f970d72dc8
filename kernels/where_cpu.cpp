// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/where.h"

#include "weft/device/parallel.h"
#include "weft/device/simd.h"

namespace weft::kernels {
namespace {

template <class T>
void choose(void* out, const WhereInputs& in, const WhereShape& s) {
  if (s.elements == 0) return;
  auto* const y = static_cast<T*>(out);
  const auto *const a = static_cast<const T*>(in.a), *const b = static_cast<const T*>(in.b);
  const auto last = static_cast<std::size_t>(s.rank - 1);
  const i64 inner = s.size[last];
  parallel_for(s.elements / inner, 8192 / inner + 1, [&](i64 begin, i64 end) {
    simd([&] {
      for (i64 run = begin; run < end; ++run) {
        i64 remaining = run, at_condition = 0, at_a = 0, at_b = 0;
        for (int axis = s.rank - 2; axis >= 0; --axis) {
          const auto k = static_cast<std::size_t>(axis);
          const i64 index = remaining % s.size[k];
          remaining /= s.size[k];
          at_condition += index * s.condition[k];
          at_a += index * s.a[k];
          at_b += index * s.b[k];
        }
        const i64 step = s.condition[last], step_a = s.a[last], step_b = s.b[last];
        for (i64 i = 0; i < inner; ++i)
          y[run * inner + i] = in.condition[at_condition + i * step] != 0 ? a[at_a + i * step_a]
                                                                          : b[at_b + i * step_b];
      }
    });
  });
}

}  // namespace

template <>
void where(Cpu, void* y, const WhereInputs& in, i64 element_bytes, const WhereShape& shape) {
  switch (element_bytes) {
    case 1: return choose<u8>(y, in, shape);
    case 2: return choose<std::uint16_t>(y, in, shape);
    case 4: return choose<u32>(y, in, shape);
    default: return choose<u64>(y, in, shape);
  }
}

}  // namespace weft::kernels
