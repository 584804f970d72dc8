// SPDX-License-Identifier: Apache-2.0
#include "weft/device/gpu/gpu.h"
#include "weft/device/gpu/staging.h"
#include "weft/kernels/common/convert.h"
#include "weft/kernels/copy.h"
#include "weft/kernels/common/grid.h"

namespace weft::kernels {
namespace {

__global__ void __launch_bounds__(kThreads) copy_kernel(u8* y, const u8* x, i64 bytes, i64 packs) {
  for (i64 i = first_index(); i < packs; i += grid_stride())
    reinterpret_cast<Pack<u8>*>(y)[i] = reinterpret_cast<const Pack<u8>*>(x)[i];
  for (i64 i = packs * Pack<u8>::kSize + first_index(); i < bytes; i += grid_stride()) y[i] = x[i];
}

template <class T>
__global__ void __launch_bounds__(kThreads) fill_kernel(T* y, T value, i64 n, i64 packs) {
  Pack<T> filled;
#pragma unroll
  for (int k = 0; k < Pack<T>::kSize; ++k) filled.value[k] = value;
  for (i64 i = first_index(); i < packs; i += grid_stride())
    reinterpret_cast<Pack<T>*>(y)[i] = filled;
  for (i64 i = packs * Pack<T>::kSize + first_index(); i < n; i += grid_stride()) y[i] = value;
}

// kRun elements at a time: 16 bytes of the wider type, and the narrower one's share.
template <class To, class From>
inline constexpr int kRun = static_cast<int>(kVectorBytes /
                                             std::max<i64>(sizeof(To), sizeof(From)));
template <class T, int kSize>
struct alignas(sizeof(T) * kSize) Run {
  T value[kSize];
};

template <class To, class From>
__global__ void __launch_bounds__(kThreads) convert_kernel(To* y, const From* x, i64 n, i64 runs) {
  constexpr int kSize = kRun<To, From>;
  for (i64 i = first_index(); i < runs; i += grid_stride()) {
    const Run<From, kSize> in = reinterpret_cast<const Run<From, kSize>*>(x)[i];
    Run<To, kSize> out;
#pragma unroll
    for (int k = 0; k < kSize; ++k) out.value[k] = converted<To>(in.value[k]);
    reinterpret_cast<Run<To, kSize>*>(y)[i] = out;
  }
  for (i64 i = runs * kSize + first_index(); i < n; i += grid_stride()) y[i] = converted<To>(x[i]);
}

}  // namespace

void copy(Cuda device, Cuda, void* y, const void* x, i64 bytes) {
  if (bytes == 0) return;
  const i64 packs = packs_in<u8>(bytes, y, x);
  launch<copy_kernel>(on(device, blocks_for(turns<u8>(bytes, packs))), static_cast<u8*>(y),
                      static_cast<const u8*>(x), bytes, packs);
}

void copy(Cuda device, Cpu, void* y, const void* x, i64 bytes) {
  gpu::staging().send(device.stream, y, x, bytes);
}
void copy(Cpu, Cuda device, void* y, const void* x, i64 bytes) {
  gpu::copy_to_host(device.stream, y, x, bytes);
}

void zero(Cuda device, void* y, i64 bytes) { fill(device, static_cast<u8*>(y), 0, bytes); }

template <class T>
void fill(Cuda device, T* y, double value, i64 n) {
  if (n == 0) return;
  const i64 packs = packs_in<T>(n, y);
  launch<fill_kernel<T>>(on(device, blocks_for(turns<T>(n, packs))), y, converted<T>(value), n,
                         packs);
}

template <class To, class From>
void convert(Cuda device, To* y, const From* x, i64 n) {
  if (n == 0) return;
  const i64 runs = is_aligned(y) && is_aligned(x) ? n / kRun<To, From> : 0;
  const i64 work = std::max(runs, n - runs * kRun<To, From>);
  launch<convert_kernel<To, From>>(on(device, blocks_for(work)), y, x, n, runs);
}

#define WEFT_CONVERT_FROM(To, From) template void convert(Cuda, To*, const From*, i64);
#define WEFT_CONVERT(To)                      \
  template void fill(Cuda, To*, double, i64); \
  WEFT_CONVERT_FROM(To, float)                \
  WEFT_CONVERT_FROM(To, double)               \
  WEFT_CONVERT_FROM(To, half)                 \
  WEFT_CONVERT_FROM(To, bfloat16)             \
  WEFT_CONVERT_FROM(To, i64)                  \
  WEFT_CONVERT_FROM(To, i32)                  \
  WEFT_CONVERT_FROM(To, u8)
WEFT_CONVERT(float)
WEFT_CONVERT(double)
WEFT_CONVERT(half)
WEFT_CONVERT(bfloat16)
WEFT_CONVERT(i64)
WEFT_CONVERT(i32)
WEFT_CONVERT(u8)

}  // namespace weft::kernels
