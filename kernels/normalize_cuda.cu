// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/grid.h"
#include "weft/kernels/normalize.h"

namespace weft::kernels {
namespace {

constexpr int kRun = 4;  // numbers that a thread stores in one go
template <class T>
struct alignas(kRun * sizeof(T)) Run {
  T value[kRun];
};

template <class From>
__global__ void __launch_bounds__(kThreads)
    normalize_kernel(float* y, const From* x, const float* factor, const float* offset, i64 n,
                     i64 channels, i64 runs) {
  for (i64 i = first_index(); i < runs; i += grid_stride()) {
    const Run<From> in = reinterpret_cast<const Run<From>*>(x)[i];
    Run<float> out;
    i64 c = divide(i * kRun, channels).rest;
#pragma unroll
    for (int k = 0; k < kRun; ++k) {
      out.value[k] = static_cast<float>(in.value[k]) * factor[c] + offset[c];
      if (++c == channels) c = 0;
    }
    reinterpret_cast<Run<float>*>(y)[i] = out;
  }
  for (i64 i = runs * kRun + first_index(); i < n; i += grid_stride()) {
    const i64 c = divide(i, channels).rest;
    y[i] = static_cast<float>(x[i]) * factor[c] + offset[c];
  }
}

}  // namespace

template <class From>
void normalize(Cuda device, float* y, const From* x, const float* factor, const float* offset,
               i64 rows, i64 channels) {
  const i64 n = rows * channels;
  if (n == 0) return;
  const bool aligned =
      is_aligned(y) && reinterpret_cast<std::uintptr_t>(x) % alignof(Run<From>) == 0;
  const i64 runs = aligned ? n / kRun : 0;
  launch<normalize_kernel<From>>(on(device, blocks_for(std::max(runs, n - runs * kRun))), y, x,
                                 factor, offset, n, channels, runs);
}

template void normalize(Cuda, float*, const u8*, const float*, const float*, i64, i64);
template void normalize(Cuda, float*, const float*, const float*, const float*, i64, i64);

}  // namespace weft::kernels
