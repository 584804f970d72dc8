// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/optim/adam_update.h"
#include "weft/kernels/optim/parameter_step.h"

namespace weft::kernels {
namespace {

template <class T>
__global__ void __launch_bounds__(kThreads)
    adam_kernel(ParameterTable<T> table, const StepControl* control, AdamConstants constants) {
  const Chunk chunk = table.chunks[blockIdx.x];
  const Segment<T> s = table.segments[chunk.segment];
  if (control->skip || !s.active) return;  // uniform in the block
  // One thread computes the powers in double, because they cost as much as many elements.
  WEFT_SHARED(shared_rates, AdamRates<T>);
  if (threadIdx.x == 0) shared_rates = rates_of(s, *control, constants);
  __syncthreads();
  const AdamRates<T> rates = shared_rates;
  each_in_chunk(
      s, chunk,
      [&](i64 i) {
        Pack<T> p = pack_at(s.param, i), m = pack_at(s.first, i), v = pack_at(s.second, i);
        const Pack<T> g = pack_at(s.grad, i);
#pragma unroll
        for (int k = 0; k < Pack<T>::kSize; ++k)
          rates.update(p.value[k], g.value[k], m.value[k], v.value[k]);
        pack_at(s.param, i) = p;
        pack_at(s.first, i) = m;
        pack_at(s.second, i) = v;
      },
      [&](i64 i) { rates.update(s.param[i], s.grad[i], s.first[i], s.second[i]); });
}

template <class T>
void step(Cuda device, const ParameterTable<T>& table, const StepControl* control,
          const AdamConstants& constants) {
  if (table.segment_count == 0) return;
  launch<adam_kernel<T>>(on(device, static_cast<u32>(table.chunk_count)), table, control,
                         constants);
  count_steps(device, table, control);
}

}  // namespace

#define WEFT_ADAM(T)                                                                      \
  template <>                                                                             \
  void adam_step(Cuda device, const ParameterTable<T>& table, const StepControl* control, \
                 const AdamConstants& constants) {                                        \
    step(device, table, control, constants);                                              \
  }
WEFT_ADAM(float)
WEFT_ADAM(double)

}  // namespace weft::kernels
