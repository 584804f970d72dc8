// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/copy.h"
#include "weft/kernels/dropout.h"
#include "weft/kernels/common/grid.h"
#include "weft/kernels/common/philox.h"

namespace weft::kernels {
namespace {

// Four elements whose words come from one call of the generator.
template <class T>
struct alignas(4 * sizeof(T)) Quad {
  T value[4];
};

// Each iteration processes one quad of a sample. If `wide`, it loads and stores a whole quad at
// once.
template <class T>
__global__ void __launch_bounds__(kThreads)
    dropout_kernel(Rows<T> out, Rows<const T> in, const i64* numbers, u32 ordinal, u32 threshold,
                   Compute<T> scale, bool wide) {
  using C = Compute<T>;
  T* y = out.data;
  const T* x = in.data;
  const i64 samples = in.rows, elements = in.cols;
  const i64 quads = divide_up(elements, 4);
  const u64 seed = static_cast<u64>(numbers[0]), step = static_cast<u64>(numbers[1]),
            first = static_cast<u64>(numbers[2]);
  for (i64 i = first_index(); i < samples * quads; i += grid_stride()) {
    const Division at = divide(i, quads);  // the sample and the quad in it
    const u64 low = static_cast<u32>(at.remainder) | (first + static_cast<u64>(at.quotient)) << 32;
    const PhiloxWords words = philox(seed, low, ordinal | step << 32);
    const i64 begin = at.quotient * elements + 4 * at.remainder;
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
        if (4 * at.remainder + k < elements) y[begin + k] = kept(k, x[begin + k]);
    }
  }
}

template <class T>
void run(Cuda device, Rows<T> y, Rows<const T> x, const i64* numbers, i64 ordinal, double p) {
  if (x.size() == 0) return;
  if (p >= 1) return zero(device, y.data, y.size() * static_cast<i64>(sizeof(T)));
  const auto aligned = [](const T* array) {
    return reinterpret_cast<std::uintptr_t>(array) % alignof(Quad<T>) == 0;
  };
  const bool wide = x.cols % 4 == 0 && aligned(y.data) && aligned(x.data);
  launch<dropout_kernel<T>>(on(device, blocks_for(x.rows * divide_up(x.cols, 4))), y, x, numbers,
                            static_cast<u32>(ordinal),
                            static_cast<u32>(std::min(p * 4294967296.0, 4294967295.0)),
                            static_cast<Compute<T>>(1.0 / (1.0 - p)), wide);
}

}  // namespace

#define WEFT_DROPOUT(T)                                                                  \
  template <>                                                                            \
  void dropout(Cuda device, Rows<T> y, Rows<const T> x, const i64* numbers, i64 ordinal, \
               double p) {                                                               \
    run(device, y, x, numbers, ordinal, p);                                              \
  }
WEFT_DROPOUT(float)
WEFT_DROPOUT(double)
WEFT_DROPOUT(half)
WEFT_DROPOUT(bfloat16)

}  // namespace weft::kernels
