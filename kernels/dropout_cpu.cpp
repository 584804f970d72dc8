// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/dropout.h"
#include "weft/kernels/common/philox.h"

namespace weft::kernels {
namespace {

constexpr i64 kQuads = 64;  // philox calls of one vectorised loop

struct Mask {
  u64 key, high;  // `high` is the upper half of the counter: ordinal and step
  u32 threshold;  // elements whose word is below it are dropped
};

// words[4·q + j] is word j of philox for quad first + q of a sample. The rounds of philox.h run in
// vectorised loops over the quads.
inline void draw(u32 (&words)[4 * kQuads], const Mask& mask, u64 sample, i64 first, i64 quads) {
  u32 c0[kQuads], c1[kQuads], c2[kQuads], c3[kQuads];
  for (i64 q = 0; q < quads; ++q) {
    c0[q] = static_cast<u32>(first + q);
    c1[q] = static_cast<u32>(sample);
    c2[q] = static_cast<u32>(mask.high);
    c3[q] = static_cast<u32>(mask.high >> 32);
  }
  u32 k0 = static_cast<u32>(mask.key), k1 = static_cast<u32>(mask.key >> 32);
  for (int round = 0; round < kPhiloxRounds; ++round) {
    for (i64 q = 0; q < quads; ++q) philox_round(c0[q], c1[q], c2[q], c3[q], k0, k1);
    philox_next_key(k0, k1);
  }
  for (i64 q = 0; q < quads; ++q) {
    words[4 * q] = c0[q];
    words[4 * q + 1] = c1[q];
    words[4 * q + 2] = c2[q];
    words[4 * q + 3] = c3[q];
  }
}

template <class T>
inline void apply(T* y, const T* x, const Mask& mask, T scale, u64 sample, i64 elements) {
  constexpr i64 kStep = 4 * kQuads;
  u32 words[kStep];
  for (i64 begin = 0; begin < elements; begin += kStep) {
    const i64 n = std::min(elements - begin, kStep);
    draw(words, mask, sample, begin / 4, (n + 3) / 4);
    for (i64 i = 0; i < n; ++i)
      y[begin + i] = words[i] >= mask.threshold ? scale * x[begin + i] : T(0);
  }
}

template <class T>
void run(Rows<T> y, Rows<const T> x, const i64* numbers, i64 ordinal, double p) {
  const i64 elements = x.cols;
  if (p >= 1) {
    std::fill_n(y.data, y.size(), T(0));
    return;
  }
  const u64 step = static_cast<u64>(numbers[1]), first = static_cast<u64>(numbers[2]);
  const Mask mask{static_cast<u64>(numbers[0]), static_cast<u32>(ordinal) | step << 32,
                  static_cast<u32>(std::min(p * 4294967296.0, 4294967295.0))};
  const T scale = static_cast<T>(1.0 / (1.0 - p));
  parallel_for(x.rows, 4096 / (elements + 1) + 1, [=](i64 begin, i64 end) {
    simd([=] {
      for (i64 s = begin; s < end; ++s)
        apply(y.row(s), x.row(s), mask, scale, first + static_cast<u64>(s), elements);
    });
  });
}

}  // namespace

#define WEFT_DROPOUT(T)                                                                      \
  template <>                                                                                \
  void dropout(Cpu, Rows<T> y, Rows<const T> x, const i64* numbers, i64 ordinal, double p) { \
    run(y, x, numbers, ordinal, p);                                                          \
  }
WEFT_DROPOUT(float)
WEFT_DROPOUT(double)

}  // namespace weft::kernels
