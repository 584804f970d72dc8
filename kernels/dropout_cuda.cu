// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/copy.h"
#include "weft/kernels/dropout.h"
#include "weft/kernels/common/grid.h"
#include "weft/kernels/common/philox.h"

namespace weft::kernels {
namespace {

// Four elements that share a call of the generator.
template <class T>
struct alignas(4 * sizeof(T)) Quad {
  T value[4];
};

// A thread for each quad of a sample; by quads of memory where `wide`.
template <class T>
__global__ void __launch_bounds__(kThreads)
    dropout_kernel(T* y, const T* x, const i64* numbers, u32 ordinal, u32 threshold,
                   Compute<T> scale, i64 samples, i64 elements, bool wide) {
  using C = Compute<T>;
  const i64 quads = divide_up(elements, 4);
  const u64 seed = static_cast<u64>(numbers[0]), step = static_cast<u64>(numbers[1]),
            first = static_cast<u64>(numbers[2]);
  for (i64 i = first_index(); i < samples * quads; i += grid_stride()) {
    const Division at = divide(i, quads);  // sample and quad
    const u64 low = static_cast<u32>(at.rest) | (first + static_cast<u64>(at.quotient)) << 32;
    const PhiloxWords words = philox(seed, low, ordinal | step << 32);
    const i64 begin = at.quotient * elements + 4 * at.rest;
    const auto kept = [&](int k, T value) {
      return words.word[k] >= threshold ? static_cast<T>(scale * static_cast<C>(value)) : T(0);
    };
    if (wide) {
      Quad<T> quad = *reinterpret_cast<const Quad<T>*>(x + begin);
#pragma unroll
      for (int k = 0; k < 4; ++k) quad.value[k] = kept(k, quad.value[k]);
      *reinterpret_cast<Quad<T>*>(y + begin) = quad;
    } else {
#pragma unroll
      for (int k = 0; k < 4; ++k)
        if (4 * at.rest + k < elements) y[begin + k] = kept(k, x[begin + k]);
    }
  }
}

}  // namespace

template <class T>
void dropout(Cuda device, T* y, const T* x, const i64* numbers, i64 ordinal, double p, i64 samples,
             i64 elements) {
  if (samples * elements == 0) return;
  if (p >= 1) return zero(device, y, samples * elements * static_cast<i64>(sizeof(T)));
  const auto aligned = [](const T* array) {
    return reinterpret_cast<std::uintptr_t>(array) % alignof(Quad<T>) == 0;
  };
  const bool wide = elements % 4 == 0 && aligned(y) && aligned(x);
  launch<dropout_kernel<T>>(on(device, blocks_for(samples * divide_up(elements, 4))), y, x, numbers,
                            static_cast<u32>(ordinal),
                            static_cast<u32>(std::min(p * 4294967296.0, 4294967295.0)),
                            static_cast<Compute<T>>(1.0 / (1.0 - p)), samples, elements, wide);
}

template void dropout(Cuda, float*, const float*, const i64*, i64, double, i64, i64);
template void dropout(Cuda, double*, const double*, const i64*, i64, double, i64, i64);
template void dropout(Cuda, half*, const half*, const i64*, i64, double, i64, i64);
template void dropout(Cuda, bfloat16*, const bfloat16*, const i64*, i64, double, i64, i64);

}  // namespace weft::kernels
