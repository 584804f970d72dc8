// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/optim/parameter_step.h"
#include "weft/kernels/optim/sgd_update.h"

namespace weft::kernels {
namespace {

template <class T>
__global__ void __launch_bounds__(kThreads)
    sgd_kernel(ParameterTable<T> table, const StepControl* control, bool nesterov) {
  const Chunk chunk = table.chunks[blockIdx.x];
  const Segment<T> s = table.segments[chunk.segment];
  if (control->skip || !s.active) return;
  const SgdRates<T> rates(s, *control);
  const auto step = [&](T& p, T g, T* b) {
    if (b == nullptr) rates.plain(p, g);
    else rates.with_momentum(p, g, *b, nesterov);
  };
  each_in_chunk(
      s, chunk,
      [&](i64 i) {
        Pack<T> p = pack_at(s.param, i), b{};
        const Pack<T> g = pack_at(s.grad, i);
        if (s.first != nullptr) b = pack_at(s.first, i);
#pragma unroll
        for (int k = 0; k < Pack<T>::kSize; ++k)
          step(p.value[k], g.value[k], s.first != nullptr ? &b.value[k] : nullptr);
        pack_at(s.param, i) = p;
        if (s.first != nullptr) pack_at(s.first, i) = b;
      },
      [&](i64 i) { step(s.param[i], s.grad[i], s.first != nullptr ? s.first + i : nullptr); });
}

}  // namespace

template <class T>
void sgd_step(Cuda device, const ParameterTable<T>& table, const StepControl* control,
              bool nesterov) {
  if (table.segment_count == 0) return;
  launch<sgd_kernel<T>>(on(device, static_cast<u32>(table.chunk_count)), table, control, nesterov);
  count_steps(device, table, control);
}

template void sgd_step(Cuda, const ParameterTable<float>&, const StepControl*, bool);
template void sgd_step(Cuda, const ParameterTable<double>&, const StepControl*, bool);

}  // namespace weft::kernels
