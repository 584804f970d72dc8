// SPDX-License-Identifier: Apache-2.0
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/optim/sgd_update.h"

namespace weft::kernels {
namespace {

template <class T>
void plain(T* __restrict p, const T* __restrict g, i64 length, SgdRates<T> r) {
  for (i64 i = 0; i < length; ++i) r.plain(p[i], g[i]);
}

template <bool kNesterov, class T>
void with_momentum(T* __restrict p, const T* __restrict g, T* __restrict b, i64 length,
                   SgdRates<T> r) {
  for (i64 i = 0; i < length; ++i) {
    T param = p[i], buffer = b[i];
    r.with_momentum(param, g[i], buffer, kNesterov);
    p[i] = param;
    b[i] = buffer;
  }
}

template <class T>
void update(const Segment<T>& s, const Chunk& chunk, const StepControl& control, bool nesterov) {
  const SgdRates<T> rates(s, control);
  T* p = s.param + chunk.begin;
  const T* g = s.grad + chunk.begin;
  if (s.first == nullptr) plain(p, g, chunk.length, rates);
  else if (nesterov) with_momentum<true>(p, g, s.first + chunk.begin, chunk.length, rates);
  else with_momentum<false>(p, g, s.first + chunk.begin, chunk.length, rates);
}

}  // namespace

template <class T>
void sgd_step(Cpu, const ParameterTable<T>& table, const StepControl* control, bool nesterov) {
  if (control->skip) return;
  parallel_for(table.chunk_count, 2, [&](i64 begin, i64 end) {
    simd([&] {
      for (i64 c = begin; c < end; ++c) {
        const Segment<T>& segment = table.segments[table.chunks[c].segment];
        if (segment.active) update(segment, table.chunks[c], *control, nesterov);
      }
    });
  });
  for (i64 s = 0; s < table.segment_count; ++s)
    if (table.segments[s].active) ++table.segments[s].steps;
}

template void sgd_step(Cpu, const ParameterTable<float>&, const StepControl*, bool);
template void sgd_step(Cpu, const ParameterTable<double>&, const StepControl*, bool);

}  // namespace weft::kernels
