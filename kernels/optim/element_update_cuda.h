// SPDX-License-Identifier: Apache-2.0
// The GPU's part of kernels/optim/element_update.h, for a .cu.
#pragma once
#include "weft/kernels/optim/element_update.h"
#include "weft/kernels/optim/parameter_step.h"

namespace weft::kernels {

template <class T, class Formula>
__global__ void __launch_bounds__(kThreads)
    element_update_kernel(ParameterTable<T> table, const StepControl* control, Formula formula) {
  const Chunk chunk = table.chunks[blockIdx.x];
  const Segment<T> s = table.segments[chunk.segment];
  if (control->skip || !s.active) return;
  const UpdateRates<T> rates(s, *control);
  for (i64 i = threadIdx.x; i < chunk.length; i += blockDim.x)
    update_element(s, chunk.begin + i, rates, formula);
}

template <class T, class Formula>
void update_elements(Cuda device, const ParameterTable<T>& table, const StepControl* control,
                     const Formula& formula) {
  if (table.segment_count == 0) return;
  launch<element_update_kernel<T, Formula>>(on(device, static_cast<u32>(table.chunk_count)), table,
                                            control, formula);
  count_steps(device, table, control);
}

}  // namespace weft::kernels
