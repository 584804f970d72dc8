// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/common/box_muller.h"
#include "weft/kernels/common/philox.h"
#include "weft/kernels/random.h"

namespace weft::kernels {
namespace {

// Random words in groups of four, an array for each word of a group, so that all loops below
// vectorise.
constexpr i64 kQuads = 256;
struct Words {
  u32 word[4][kQuads];
};

void draw(const RandomRange& range, i64 first, i64 quads, Words& out) {
  const u64 key = range.key, counter = range.first + static_cast<u64>(first);
  for (i64 i = 0; i < quads; ++i) {
    const PhiloxWords words = philox(key, counter + static_cast<u64>(i), 0);
    for (int k = 0; k < 4; ++k) out.word[k][i] = words.word[k];
  }
}

// convert(words, quads, value) writes value[4·i + k] from word k of group i.
template <class T, class Convert>
void fill(Span<T> out, const RandomRange& range, const Convert& convert) {
  T* y = out.data;
  const i64 n = out.size;
  parallel_for((n + 3) / 4, 4096, [&](i64 begin, i64 end) {
    simd([&] {
      Words words;
      T value[4 * kQuads];
      for (i64 first = begin; first < end; first += kQuads) {
        const i64 quads = std::min(kQuads, end - first);
        draw(range, first, quads, words);
        convert(words, quads, value);
        std::copy_n(value, std::min(4 * quads, n - 4 * first), y + 4 * first);
      }
    });
  });
}

template <class T>
void uniform(Span<T> y, double low, double high, const RandomRange& range) {
  fill(y, range, [=](const Words& words, i64 quads, T* value) {
    for (i64 i = 0; i < quads; ++i)
      for (int k = 0; k < 4; ++k)
        value[4 * i + k] =
            static_cast<T>(low + (high - low) * static_cast<double>(unit_float(words.word[k][i])));
  });
}

template <class T>
void normal(Span<T> y, double mean, double std, const RandomRange& range) {
  fill(y, range, [=](const Words& words, i64 quads, T* value) {
    for (i64 i = 0; i < quads; ++i)
      for (int k = 0; k < 4; k += 2) {
        const NormalPair z = box_muller(words.word[k][i], words.word[k + 1][i]);
        value[4 * i + k] = static_cast<T>(mean + std * z.first);
        value[4 * i + k + 1] = static_cast<T>(mean + std * z.second);
      }
  });
}

}  // namespace

#define WEFT_RANDOM(T)                                                                   \
  template <>                                                                            \
  void fill_uniform(Cpu, Span<T> y, double low, double high, const RandomRange& range) { \
    uniform(y, low, high, range);                                                        \
  }                                                                                      \
  template <>                                                                            \
  void fill_normal(Cpu, Span<T> y, double mean, double std, const RandomRange& range) {  \
    normal(y, mean, std, range);                                                         \
  }
WEFT_RANDOM(float)
WEFT_RANDOM(double)

}  // namespace weft::kernels
