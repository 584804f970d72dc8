// SPDX-License-Identifier: Apache-2.0
#include "weft/device/gpu/gpu.h"
#include "weft/device/gpu/staging.h"
#include "weft/kernels/common/convert_any.h"
#include "weft/kernels/copy.h"
#include "weft/kernels/common/grid.h"

namespace weft::kernels {
namespace {

__global__ void __launch_bounds__(kThreads) copy_kernel(Span<u8> y, Span<const u8> x, i64 packs) {
  for (i64 i = first_index(); i < packs; i += grid_stride())
    reinterpret_cast<Pack<u8>*>(y.data)[i] = reinterpret_cast<const Pack<u8>*>(x.data)[i];
  for (i64 i = packs * Pack<u8>::kSize + first_index(); i < y.size; i += grid_stride()) y[i] = x[i];
}

template <class T>
__global__ void __launch_bounds__(kThreads) fill_kernel(Span<T> y, T value, i64 packs) {
  Pack<T> filled;
#pragma unroll
  for (int k = 0; k < Pack<T>::kSize; ++k) filled.value[k] = value;
  for (i64 i = first_index(); i < packs; i += grid_stride())
    reinterpret_cast<Pack<T>*>(y.data)[i] = filled;
  for (i64 i = packs * Pack<T>::kSize + first_index(); i < y.size; i += grid_stride()) y[i] = value;
}

// The elements that a thread converts at once: kVectorBytes of the wider type.
template <class To, class From>
inline constexpr int kRun = static_cast<int>(kVectorBytes /
                                             std::max<i64>(sizeof(To), sizeof(From)));
template <class T, int kSize>
struct alignas(sizeof(T) * kSize) Run {
  T value[kSize];
};

template <class To, class From>
__global__ void __launch_bounds__(kThreads)
    convert_kernel(Span<To> y, Span<const From> x, i64 runs) {
  constexpr int kSize = kRun<To, From>;
  for (i64 i = first_index(); i < runs; i += grid_stride()) {
    const Run<From, kSize> in = reinterpret_cast<const Run<From, kSize>*>(x.data)[i];
    Run<To, kSize> out;
#pragma unroll
    for (int k = 0; k < kSize; ++k) out.value[k] = converted_any<To>(in.value[k]);
    reinterpret_cast<Run<To, kSize>*>(y.data)[i] = out;
  }
  for (i64 i = runs * kSize + first_index(); i < y.size; i += grid_stride())
    y[i] = converted_any<To>(x[i]);
}

template <class T>
void fill_each(Cuda device, Span<T> y, double value) {
  if (y.size == 0) return;
  const i64 packs = packs_in<T>(y.size, y.data);
  launch<fill_kernel<T>>(on(device, blocks_for(iterations<T>(y.size, packs))), y,
                         converted_any<T>(value), packs);
}

template <class To, class From>
void convert_each(Cuda device, Span<To> y, Span<const From> x) {
  if (y.size == 0) return;
  const i64 runs = is_aligned(y.data) && is_aligned(x.data) ? y.size / kRun<To, From> : 0;
  const i64 work = std::max(runs, y.size - runs * kRun<To, From>);
  launch<convert_kernel<To, From>>(on(device, blocks_for(work)), y, x, runs);
}

}  // namespace

template <>
void copy(Cuda device, Cuda, void* y, const void* x, i64 bytes) {
  if (bytes == 0) return;
  const i64 packs = packs_in<u8>(bytes, y, x);
  launch<copy_kernel>(on(device, blocks_for(iterations<u8>(bytes, packs))),
                      Span<u8>{static_cast<u8*>(y), bytes},
                      Span<const u8>{static_cast<const u8*>(x), bytes}, packs);
}
template <>
void copy(Cuda device, Cpu, void* y, const void* x, i64 bytes) {
  gpu::staging().send(device.stream, y, x, bytes);
}
template <>
void copy(Cpu, Cuda device, void* y, const void* x, i64 bytes) {
  gpu::copy_to_host(device.stream, y, x, bytes);
}

template <>
void zero(Cuda device, void* y, i64 bytes) {
  fill_each(device, Span<u8>{static_cast<u8*>(y), bytes}, 0);
}

#define WEFT_CONVERT_FROM(To, From)                           \
  template <>                                                 \
  void convert(Cuda device, Span<To> y, Span<const From> x) { \
    convert_each(device, y, x);                               \
  }
#define WEFT_CONVERT(To)                             \
  template <>                                        \
  void fill(Cuda device, Span<To> y, double value) { \
    fill_each(device, y, value);                     \
  }                                                  \
  WEFT_CONVERT_FROM(To, float)                       \
  WEFT_CONVERT_FROM(To, double)                      \
  WEFT_CONVERT_FROM(To, half)                        \
  WEFT_CONVERT_FROM(To, bfloat16)                    \
  WEFT_CONVERT_FROM(To, i64)                         \
  WEFT_CONVERT_FROM(To, i32)                         \
  WEFT_CONVERT_FROM(To, u8)
WEFT_CONVERT(float)
WEFT_CONVERT(double)
WEFT_CONVERT(half)
WEFT_CONVERT(bfloat16)
WEFT_CONVERT(i64)
WEFT_CONVERT(i32)
WEFT_CONVERT(u8)

}  // namespace weft::kernels
