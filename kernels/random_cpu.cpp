// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numbers>

#include "weft/device/parallel.h"
#include "weft/kernels/common/philox.h"
#include "weft/kernels/random.h"

namespace weft::kernels {
namespace {

template <class T, class Convert>
void fill(Span<T> out, const RandomRange& range, const Convert& convert) {
  T* y = out.data;
  const i64 n = out.size;
  parallel_for((n + 3) / 4, 4096, [&](i64 begin, i64 end) {
    for (i64 quad = begin; quad < end; ++quad) {
      const PhiloxWords words = philox(range.key, range.first + static_cast<u64>(quad), 0);
      double value[4];
      convert(words, value);
      for (i64 i = 4 * quad; i < std::min(n, 4 * quad + 4); ++i)
        y[i] = static_cast<T>(value[i - 4 * quad]);
    }
  });
}

template <class T>
void uniform(Span<T> y, double low, double high, const RandomRange& range) {
  fill(y, range, [=](const PhiloxWords& words, double* value) {
    for (int i = 0; i < 4; ++i)
      value[i] = low + (high - low) * static_cast<double>(unit_float(words.word[i]));
  });
}

template <class T>
void normal(Span<T> y, double mean, double std, const RandomRange& range) {
  fill(y, range, [=](const PhiloxWords& words, double* value) {
    for (int pair = 0; pair < 4; pair += 2) {
      // 1 − u lies in (0, 1], so its logarithm is finite.
      const double radius =
          std::sqrt(-2.0 * std::log(1.0 - static_cast<double>(unit_float(words.word[pair]))));
      const double angle =
          2.0 * std::numbers::pi * static_cast<double>(unit_float(words.word[pair + 1]));
      value[pair] = mean + std * radius * std::cos(angle);
      value[pair + 1] = mean + std * radius * std::sin(angle);
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
