// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/common/convert_any.h"
#include "weft/kernels/copy.h"

namespace weft::kernels {
namespace {

constexpr i64 kGrain = 64 * 1024;  // the fewest elements that a thread processes

template <class T>
void fill_each(Span<T> y, double value) {
  const T filled = converted_any<T>(value);
  parallel_for(y.size, kGrain,
               [=](i64 begin, i64 end) { std::fill(y.data + begin, y.data + end, filled); });
}

template <class To, class From>
void convert_each(Span<To> out, Span<const From> in) {
  To* y = out.data;
  const From* x = in.data;
  parallel_for(out.size, kGrain, [&](i64 begin, i64 end) {
    simd([=] {
      for (i64 i = begin; i < end; ++i) y[i] = converted_any<To>(x[i]);
    });
  });
}

}  // namespace

template <>
void copy(Cpu, Cpu, void* y, const void* x, i64 bytes) {
  parallel_for(bytes, 4 * kGrain, [&](i64 begin, i64 end) {
    std::memcpy(static_cast<char*>(y) + begin, static_cast<const char*>(x) + begin,
                static_cast<std::size_t>(end - begin));
  });
}

template <>
void zero(Cpu, void* y, i64 bytes) {
  parallel_for(bytes, 4 * kGrain, [&](i64 begin, i64 end) {
    std::memset(static_cast<char*>(y) + begin, 0, static_cast<std::size_t>(end - begin));
  });
}

#define WEFT_CONVERT_FROM(To, From)                   \
  template <>                                         \
  void convert(Cpu, Span<To> y, Span<const From> x) { \
    convert_each(y, x);                               \
  }
#define WEFT_CONVERT(To)                     \
  template <>                                \
  void fill(Cpu, Span<To> y, double value) { \
    fill_each(y, value);                     \
  }                                          \
  WEFT_CONVERT_FROM(To, float)               \
  WEFT_CONVERT_FROM(To, double)              \
  WEFT_CONVERT_FROM(To, half)                \
  WEFT_CONVERT_FROM(To, bfloat16)            \
  WEFT_CONVERT_FROM(To, i64)                 \
  WEFT_CONVERT_FROM(To, i32)                 \
  WEFT_CONVERT_FROM(To, u8)
WEFT_CONVERT(float)
WEFT_CONVERT(double)
WEFT_CONVERT(half)
WEFT_CONVERT(bfloat16)
WEFT_CONVERT(i64)
WEFT_CONVERT(i32)
WEFT_CONVERT(u8)

}  // namespace weft::kernels
