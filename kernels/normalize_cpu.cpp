// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/normalize.h"

namespace weft::kernels {
namespace {

template <class From>
void run(Rows<float> out, Rows<const From> in, const float* all) {
  const i64 channels = in.cols;
  float* y = out.data;
  const From* x = in.data;
  const auto terms = NormalizeTerms<From>::of(all, channels);
  parallel_for(in.rows, 32 * 1024 / channels + 1, [=](i64 begin, i64 end) {
    simd([=] {
      // With one channel the terms stay in registers and all rows form one loop.
      if (channels == 1) {
        float own[NormalizeTerms<From>::kTerms];
        std::copy_n(all, NormalizeTerms<From>::kTerms, own);
        const auto one = NormalizeTerms<From>::of(own, 1);
        for (i64 i = begin; i < end; ++i) y[i] = one.normalized(x[i], 0);
        return;
      }
      for (i64 r = begin; r < end; ++r)
        for (i64 c = 0; c < channels; ++c)
          y[r * channels + c] = terms.normalized(x[r * channels + c], c);
    });
  });
}

}  // namespace

#define WEFT_NORMALIZE(From)                                                   \
  template <>                                                                  \
  void normalize(Cpu, Rows<float> y, Rows<const From> x, const float* terms) { \
    run(y, x, terms);                                                          \
  }
WEFT_NORMALIZE(u8)
WEFT_NORMALIZE(float)

}  // namespace weft::kernels
