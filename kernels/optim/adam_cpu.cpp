// SPDX-License-Identifier: Apache-2.0
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/optim/adam_update.h"

namespace weft::kernels {
namespace {

template <class T>
void update(T* __restrict p, const T* __restrict g, T* __restrict m, T* __restrict v, i64 length,
            AdamRates<T> r) {
  for (i64 i = 0; i < length; ++i) {
    T param = p[i], mean = m[i], square = v[i];
    r.update(param, g[i], mean, square);
    p[i] = param;
    m[i] = mean;
    v[i] = square;
  }
}

}  // namespace

template <class T>
void adam_step(Cpu, const ParameterTable<T>& table, const StepControl* control,
               const AdamConstants& constants) {
  if (control->skip) return;
  parallel_for(table.chunk_count, 2, [&](i64 begin, i64 end) {
    simd([&] {
      for (i64 c = begin; c < end; ++c) {
        const Chunk& chunk = table.chunks[c];
        const Segment<T>& s = table.segments[chunk.segment];
        if (!s.active) continue;
        update(s.param + chunk.begin, s.grad + chunk.begin, s.first + chunk.begin,
               s.second + chunk.begin, chunk.length, rates_of(s, *control, constants));
      }
    });
  });
  for (i64 s = 0; s < table.segment_count; ++s)
    if (table.segments[s].active) ++table.segments[s].steps;
}

template void adam_step(Cpu, const ParameterTable<float>&, const StepControl*,
                        const AdamConstants&);
template void adam_step(Cpu, const ParameterTable<double>&, const StepControl*,
                        const AdamConstants&);

}  // namespace weft::kernels
