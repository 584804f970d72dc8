// SPDX-License-Identifier: Apache-2.0
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/normalize.h"

namespace weft::kernels {

template <class From>
void normalize(Cpu, float* y, const From* x, const float* factor, const float* offset, i64 rows,
               i64 channels) {
  parallel_for(rows, 32 * 1024 / channels + 1, [=](i64 begin, i64 end) {
    simd([=] {
      if (channels == 1) {  // the factor stays in a register and the loop is one long run
        const float f = factor[0], o = offset[0];
        for (i64 i = begin; i < end; ++i) y[i] = static_cast<float>(x[i]) * f + o;
        return;
      }
      for (i64 r = begin; r < end; ++r)
        for (i64 c = 0; c < channels; ++c)
          y[r * channels + c] = static_cast<float>(x[r * channels + c]) * factor[c] + offset[c];
    });
  });
}

template void normalize(Cpu, float*, const u8*, const float*, const float*, i64, i64);
template void normalize(Cpu, float*, const float*, const float*, const float*, i64, i64);

}  // namespace weft::kernels
