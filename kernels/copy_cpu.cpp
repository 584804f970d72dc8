// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/common/convert.h"
#include "weft/kernels/copy.h"

namespace weft::kernels {
namespace {

constexpr i64 kGrain = 64 * 1024;  // elements per thread below which a second thread costs more
}  // namespace

void copy(Cpu, Cpu, void* y, const void* x, i64 bytes) {
  parallel_for(bytes, 4 * kGrain, [&](i64 begin, i64 end) {
    std::memcpy(static_cast<char*>(y) + begin, static_cast<const char*>(x) + begin,
                static_cast<std::size_t>(end - begin));
  });
}

void zero(Cpu, void* y, i64 bytes) {
  parallel_for(bytes, 4 * kGrain, [&](i64 begin, i64 end) {
    std::memset(static_cast<char*>(y) + begin, 0, static_cast<std::size_t>(end - begin));
  });
}

template <class T>
void fill(Cpu, T* y, double value, i64 n) {
  const T filled = converted<T>(value);
  parallel_for(n, kGrain, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; ++i) y[i] = filled;
  });
}

template <class To, class From>
void convert(Cpu, To* y, const From* x, i64 n) {
  parallel_for(n, kGrain, [&](i64 begin, i64 end) {
    simd([=] {
      for (i64 i = begin; i < end; ++i) y[i] = converted<To>(x[i]);
    });
  });
}

#define WEFT_CONVERT_FROM(To, From) template void convert(Cpu, To*, const From*, i64);
#define WEFT_CONVERT(To)                     \
  template void fill(Cpu, To*, double, i64); \
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
