// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/arange.h"

#include "weft/device/parallel.h"
#include "weft/kernels/common/convert.h"

namespace weft::kernels {
namespace {

template <class T>
void count(Span<T> y, i64 first) {
  parallel_for(y.size, 16 * 1024, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; ++i) y[i] = converted<T>(first + i);
  });
}

}  // namespace

#define WEFT_ARANGE(T)                     \
  template <>                              \
  void arange(Cpu, Span<T> y, i64 begin) { \
    count(y, begin);                       \
  }
WEFT_ARANGE(float)
WEFT_ARANGE(double)
WEFT_ARANGE(half)
WEFT_ARANGE(bfloat16)
WEFT_ARANGE(i64)
WEFT_ARANGE(i32)
WEFT_ARANGE(u8)

}  // namespace weft::kernels
