// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/compare.h"

#include "weft/kernels/broadcast_loop.h"

namespace weft::kernels {
namespace {

template <class Op, class T>
void each(u8* c, BinaryInputs<T> in, const Broadcast& shape) {
  const T *a = in.a, *b = in.b;
  broadcast_loop(shape, [=](i64 c0, i64 a0, i64 b0) {
    return
        [=](i64 i, i64 j, i64 k) { c[c0 + i] = static_cast<u8>(Op::value(a[a0 + j], b[b0 + k])); };
  });
}

}  // namespace

#define WEFT_COMPARE_T(Op, T)                                                 \
  template <>                                                                 \
  void compare<Op>(Cpu, u8 * c, BinaryInputs<T> in, const Broadcast& shape) { \
    each<Op>(c, in, shape);                                                   \
  }
#define WEFT_COMPARE(op, Op) \
  WEFT_COMPARE_T(Op, float)  \
  WEFT_COMPARE_T(Op, double) \
  WEFT_COMPARE_T(Op, i64)    \
  WEFT_COMPARE_T(Op, i32)    \
  WEFT_COMPARE_T(Op, u8)
WEFT_COMPARISONS(WEFT_COMPARE)

}  // namespace weft::kernels
