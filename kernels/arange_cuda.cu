// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/arange.h"
#include "weft/kernels/common/convert.h"
#include "weft/kernels/common/grid.h"

namespace weft::kernels {
namespace {

template <class T>
__global__ void __launch_bounds__(kThreads) arange_kernel(Span<T> y, i64 begin) {
  for (i64 i = first_index(); i < y.size; i += grid_stride()) y[i] = converted<T>(begin + i);
}

template <class T>
void count(Cuda device, Span<T> y, i64 begin) {
  if (y.size == 0) return;
  launch<arange_kernel<T>>(on(device, blocks_for(y.size)), y, begin);
}

}  // namespace

#define WEFT_ARANGE(T)                             \
  template <>                                      \
  void arange(Cuda device, Span<T> y, i64 begin) { \
    count(device, y, begin);                       \
  }
WEFT_ARANGE(float)
WEFT_ARANGE(double)
WEFT_ARANGE(half)
WEFT_ARANGE(bfloat16)
WEFT_ARANGE(i64)
WEFT_ARANGE(i32)
WEFT_ARANGE(u8)

}  // namespace weft::kernels
