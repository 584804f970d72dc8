// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/optim/clip_values.h"

namespace weft::kernels {
namespace {

template <class T>
void clip(Span<T> g, double limit, const StepControl* control) {
  if (control->skip) return;
  const T most = static_cast<T>(limit / control->grad_scale);
  parallel_for(g.size, kChunkElements, [=](i64 begin, i64 end) {
    simd([=] {
      for (i64 i = begin; i < end; ++i) g[i] = std::min(std::max(g[i], -most), most);
    });
  });
}

}  // namespace

#define WEFT_CLIP_VALUES(T)                                                    \
  template <>                                                                  \
  void clip_values(Cpu, Span<T> g, double limit, const StepControl* control) { \
    clip(g, limit, control);                                                   \
  }
WEFT_CLIP_VALUES(float)
WEFT_CLIP_VALUES(double)

}  // namespace weft::kernels
