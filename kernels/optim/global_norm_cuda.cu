// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "weft/kernels/optim/global_norm.h"
#include "weft/kernels/optim/parameter_step.h"
#include "weft/kernels/common/team.h"

namespace weft::kernels {
namespace {

template <class T>
__global__ void __launch_bounds__(kThreads)
    square_sums_kernel(ParameterTable<T> table, double* partials) {
  const Chunk chunk = table.chunks[blockIdx.x];
  const Segment<T> s = table.segments[chunk.segment];
  double sum = 0;
  const auto add = [&](T value) { sum += static_cast<double>(value) * static_cast<double>(value); };
  if (s.active) {
    const Segment<T> gradient{.grad = s.grad};
    each_in_chunk(
        gradient, chunk,
        [&](i64 i) {
          const Pack<T> g = pack_at(s.grad, i);
#pragma unroll
          for (int k = 0; k < Pack<T>::kSize; ++k) add(g.value[k]);
        },
        [&](i64 i) { add(s.grad[i]); });
  }
  sum = block_combine(sum, Plus{});
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kThreads)
    clip_kernel(StepControl* control, const double* partials, i64 chunks, double max_norm) {
  double sum = 0;
  for (i64 c = threadIdx.x; c < chunks; c += kThreads) sum += partials[c];
  sum = block_combine(sum, Plus{});
  if (threadIdx.x != 0) return;
  const double norm = std::sqrt(sum) * control->grad_scale;
  control->grad_norm = norm;
  if (!(norm < INFINITY)) control->skip = true;  // also true for NaN
  if (max_norm > 0 && norm > max_norm) control->grad_scale *= max_norm / (norm + 1e-6);
}

template <class T>
void squares(Cuda device, const ParameterTable<T>& table, double* partials) {
  launch<square_sums_kernel<T>>(on(device, static_cast<u32>(table.chunk_count)), table, partials);
}

}  // namespace

template <>
void clip_by_squares(Cuda device, const double* partials, i64 count, double max_norm,
                     StepControl* control) {
  launch<clip_kernel>(on(device, 1), control, partials, count, max_norm);
}

#define WEFT_GLOBAL_NORM(T)                                                                        \
  template <>                                                                                      \
  void square_sums(Cuda device, const ParameterTable<T>& table, double* partials) {                \
    squares(device, table, partials);                                                              \
  }                                                                                                \
  template <>                                                                                      \
  void global_norm(Cuda device, const ParameterTable<T>& table, double max_norm, double* partials, \
                   StepControl* control) {                                                         \
    squares(device, table, partials);                                                              \
    clip_by_squares(device, partials, table.chunk_count, max_norm, control);                       \
  }
WEFT_GLOBAL_NORM(float)
WEFT_GLOBAL_NORM(double)

}  // namespace weft::kernels
