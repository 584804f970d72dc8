// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/grid.h"
#include "weft/kernels/normalize.h"

namespace weft::kernels {
namespace {

constexpr int kRun = 4;  // elements that a thread stores at once
template <class T>
struct alignas(kRun * sizeof(T)) Run {
  T value[kRun];
};

template <class From>
__global__ void __launch_bounds__(kThreads)
    normalize_kernel(Rows<float> y, Rows<const From> x, NormalizeTerms<From> terms, i64 runs) {
  const i64 channels = x.cols;
  for (i64 i = first_index(); i < runs; i += grid_stride()) {
    const Run<From> in = reinterpret_cast<const Run<From>*>(x.data)[i];
    Run<float> out;
    i64 c = divide(i * kRun, channels).remainder;
#pragma unroll
    for (int k = 0; k < kRun; ++k) {
      out.value[k] = terms.normalized(in.value[k], c);
      if (++c == channels) c = 0;
    }
    reinterpret_cast<Run<float>*>(y.data)[i] = out;
  }
  for (i64 i = runs * kRun + first_index(); i < x.size(); i += grid_stride()) {
    const i64 c = divide(i, channels).remainder;
    y.data[i] = terms.normalized(x.data[i], c);
  }
}

template <class From>
void run(Cuda device, Rows<float> y, Rows<const From> x, const float* terms) {
  const i64 n = x.size();
  if (n == 0) return;
  const bool aligned =
      is_aligned(y.data) && reinterpret_cast<std::uintptr_t>(x.data) % alignof(Run<From>) == 0;
  const i64 runs = aligned ? n / kRun : 0;
  launch<normalize_kernel<From>>(on(device, blocks_for(std::max(runs, n - runs * kRun))), y, x,
                                 NormalizeTerms<From>::of(terms, x.cols), runs);
}

}  // namespace

#define WEFT_NORMALIZE(From)                                                           \
  template <>                                                                          \
  void normalize(Cuda device, Rows<float> y, Rows<const From> x, const float* terms) { \
    run(device, y, x, terms);                                                          \
  }
WEFT_NORMALIZE(u8)
WEFT_NORMALIZE(float)

}  // namespace weft::kernels
