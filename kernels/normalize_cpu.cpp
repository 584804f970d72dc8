// SPDX-License-Identifier: Apache-2.0
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/normalize.h"

namespace weft::kernels {
namespace {

template <class From>
void run(Rows<float> out, Rows<const From> in, const float* factor, const float* offset) {
  const i64 channels = in.cols;
  float* y = out.data;
  const From* x = in.data;
  parallel_for(in.rows, 32 * 1024 / channels + 1, [=](i64 begin, i64 end) {
    simd([=] {
      // With one channel the factor stays in a register and all rows form one loop.
      if (channels == 1) {
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

}  // namespace

#define WEFT_NORMALIZE(From)                                                  \
  template <>                                                                 \
  void normalize(Cpu, Rows<float> y, Rows<const From> x, const float* factor, \
                 const float* offset) {                                       \
    run(y, x, factor, offset);                                                \
  }
WEFT_NORMALIZE(u8)
WEFT_NORMALIZE(float)

}  // namespace weft::kernels
