// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/adam.h"

#include <cmath>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"

namespace weft::kernels {
namespace {

template <class T>
struct AdamRates {
  T grad_scale, coupled_decay, keep, one_minus_beta1, beta2, one_minus_beta2, inverse_root2, eps,
      step;
};

// Bias corrections follow the updates of this parameter: one that was thawed late starts like new.
template <class T>
AdamRates<T> rates_of(const Segment<T>& s, const StepControl& control, const AdamConstants& c) {
  const double lr = control.lr * s.lr_factor, t = static_cast<double>(s.steps + 1);
  const double correction1 = 1 - std::pow(control.momentum, t);
  const double correction2 = 1 - std::pow(c.beta2, t);
  return {static_cast<T>(control.grad_scale),
          static_cast<T>(c.decoupled ? 0 : s.weight_decay),
          static_cast<T>(c.decoupled ? 1 - lr * s.weight_decay : 1),
          static_cast<T>(1 - control.momentum),
          static_cast<T>(c.beta2),
          static_cast<T>(1 - c.beta2),
          static_cast<T>(1 / std::sqrt(correction2)),
          static_cast<T>(c.eps),
          static_cast<T>(lr / correction1)};
}

template <class T>
void update(T* __restrict p, const T* __restrict g, T* __restrict m, T* __restrict v, i64 length,
            AdamRates<T> r) {
  for (i64 i = 0; i < length; ++i) {
    const T slope = r.grad_scale * g[i] + r.coupled_decay * p[i];
    const T mean = m[i] + r.one_minus_beta1 * (slope - m[i]);
    const T square = r.beta2 * v[i] + r.one_minus_beta2 * slope * slope;
    m[i] = mean;
    v[i] = square;
    p[i] = r.keep * p[i] - r.step * mean / (std::sqrt(square) * r.inverse_root2 + r.eps);
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
