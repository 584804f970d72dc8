// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/optim/clip_values.h"
#include "weft/kernels/common/grid.h"

namespace weft::kernels {
namespace {

template <class T>
__global__ void __launch_bounds__(kThreads)
    clip_values_kernel(T* g, i64 n, i64 packs, double limit, const StepControl* control) {
  if (control->skip) return;
  const T most = static_cast<T>(limit / control->grad_scale);
  map_elements(
      g, n, packs, [=](T value) { return value > most ? most : (value < -most ? -most : value); },
      static_cast<const T*>(g));
}

}  // namespace

template <class T>
void clip_values(Cuda device, T* g, i64 n, double limit, const StepControl* control) {
  if (n == 0) return;
  const i64 packs = packs_in<T>(n, g);
  launch<clip_values_kernel<T>>(on(device, blocks_for(turns<T>(n, packs))), g, n, packs, limit,
                                control);
}

template void clip_values(Cuda, float*, i64, double, const StepControl*);
template void clip_values(Cuda, double*, i64, double, const StepControl*);

}  // namespace weft::kernels
