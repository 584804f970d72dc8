// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/optim/clip_values.h"
#include "weft/kernels/common/grid.h"

namespace weft::kernels {
namespace {

template <class T>
__global__ void __launch_bounds__(kThreads)
    clip_values_kernel(Span<T> g, double limit, const StepControl* control, i64 packs) {
  if (control->skip) return;
  const T most = static_cast<T>(limit / control->grad_scale);
  map_elements(
      g, packs, [=](T value) { return value > most ? most : (value < -most ? -most : value); },
      Span<const T>(g));
}

template <class T>
void clip(Cuda device, Span<T> g, double limit, const StepControl* control) {
  if (g.size == 0) return;
  const i64 packs = packs_in<T>(g.size, g.data);
  launch<clip_values_kernel<T>>(on(device, blocks_for(iterations<T>(g.size, packs))), g, limit,
                                control, packs);
}

}  // namespace

#define WEFT_CLIP_VALUES(T)                                                            \
  template <>                                                                          \
  void clip_values(Cuda device, Span<T> g, double limit, const StepControl* control) { \
    clip(device, g, limit, control);                                                   \
  }
WEFT_CLIP_VALUES(float)
WEFT_CLIP_VALUES(double)

}  // namespace weft::kernels
