// SPDX-License-Identifier: Apache-2.0
// The shared part of the optimizer kernels of a GPU. A block updates one chunk of the parameter
// table.
#pragma once
#include "weft/kernels/common/grid.h"
#include "weft/kernels/optim/parameter_table.h"

namespace weft::kernels {

// Calls packed(i) for each pack of the chunk, which begins at element i, if all arrays are aligned,
// and single(i) for each element outside the packs. A null pointer counts as aligned.
template <class T, class Packed, class Single>
__device__ void each_in_chunk(const Segment<T>& s, const Chunk& chunk, const Packed& packed,
                              const Single& single) {
  constexpr int kSize = Pack<T>::kSize;
  const auto address = [&](const T* array) {
    return array == nullptr ? 0 : reinterpret_cast<std::uintptr_t>(array + chunk.begin);
  };
  const auto low_bits =
      address(s.param) | address(s.grad) | address(s.first) | address(s.second) | address(s.third);
  const i64 packs = low_bits % kVectorBytes == 0 ? chunk.length / kSize : 0;
  for (i64 i = threadIdx.x; i < packs; i += blockDim.x) packed(chunk.begin + i * kSize);
  for (i64 i = packs * kSize + threadIdx.x; i < chunk.length; i += blockDim.x)
    single(chunk.begin + i);
}

template <class T>
__device__ Pack<T>& pack_at(T* array, i64 i) {
  return *reinterpret_cast<Pack<T>*>(array + i);
}
template <class T>
__device__ const Pack<T>& pack_at(const T* array, i64 i) {
  return *reinterpret_cast<const Pack<T>*>(array + i);
}

// Increments `steps` of each active segment. It is launched after the update, which reads the old
// counts.
template <class T>
__global__ void __launch_bounds__(kThreads)
    count_steps_kernel(ParameterTable<T> table, const StepControl* control) {
  if (control->skip) return;
  for (i64 s = first_index(); s < table.segment_count; s += grid_stride())
    if (table.segments[s].active) ++table.segments[s].steps;
}
template <class T>
void count_steps(Cuda device, const ParameterTable<T>& table, const StepControl* control) {
  launch<count_steps_kernel<T>>(on(device, blocks_for(table.segment_count)), table, control);
}

}  // namespace weft::kernels
