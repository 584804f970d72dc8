// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/optim/clip_values.h"

namespace weft::kernels {

template <class T>
void clip_values(Cpu, T* g, i64 n, double limit, const StepControl* control) {
  if (control->skip) return;
  const T most = static_cast<T>(limit / control->grad_scale);
  parallel_for(n, kChunkElements, [=](i64 begin, i64 end) {
    simd([=] {
      for (i64 i = begin; i < end; ++i) g[i] = std::min(std::max(g[i], -most), most);
    });
  });
}

template void clip_values(Cpu, float*, i64, double, const StepControl*);
template void clip_values(Cpu, double*, i64, double, const StepControl*);

}  // namespace weft::kernels
