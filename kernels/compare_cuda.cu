// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/broadcast_walk.h"
#include "weft/kernels/common/convert.h"
#include "weft/kernels/compare.h"

namespace weft::kernels {
namespace {

// Integers are compared as they are, and half types as float.
template <class T>
using Comparable = std::conditional_t<is_half<T>, float, T>;

template <class Op, class T>
__global__ void __launch_bounds__(kThreads)
    compare_kernel(u8* c, BinaryInputs<T> in, Broadcast shape) {
  using C = Comparable<T>;
  for (i64 i = first_index(); i < shape.elements; i += grid_stride())
    walk_broadcast(shape, i, 1, [&](int, i64 a_at, i64 b_at) {
      c[i] = static_cast<u8>(Op::value(static_cast<C>(in.a[a_at]), static_cast<C>(in.b[b_at])));
    });
}

template <class Op, class T>
void each(Cuda device, u8* c, BinaryInputs<T> in, const Broadcast& shape) {
  if (shape.elements == 0) return;
  launch<compare_kernel<Op, T>>(on(device, blocks_for(shape.elements)), c, in, shape);
}

}  // namespace

#define WEFT_COMPARE_T(Op, T)                                                         \
  template <>                                                                         \
  void compare<Op>(Cuda device, u8 * c, BinaryInputs<T> in, const Broadcast& shape) { \
    each<Op>(device, c, in, shape);                                                   \
  }
#define WEFT_COMPARE(op, Op)   \
  WEFT_COMPARE_T(Op, float)    \
  WEFT_COMPARE_T(Op, double)   \
  WEFT_COMPARE_T(Op, half)     \
  WEFT_COMPARE_T(Op, bfloat16) \
  WEFT_COMPARE_T(Op, i64)      \
  WEFT_COMPARE_T(Op, i32)      \
  WEFT_COMPARE_T(Op, u8)
WEFT_COMPARISONS(WEFT_COMPARE)

}  // namespace weft::kernels
