// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/broadcast_loop.h"

namespace weft::kernels {
namespace {

template <class Op, class T>
void forward(T* c, BinaryInputs<T> in, const Broadcast& shape) {
  const T *a = in.a, *b = in.b;
  broadcast_loop(shape, [=](i64 c0, i64 a0, i64 b0) {
    return [=](i64 i, i64 j, i64 k) { c[c0 + i] = Op::value(a[a0 + j], b[b0 + k]); };
  });
}

template <class Op, class T>
void backward(BinaryGradients<T> out, const T* dc, BinaryInputs<T> in, const Broadcast& shape) {
  T *da = out.da, *db = out.db;
  const T *a = in.a, *b = in.b;
  // Each gradient has its own loop, because a loop with a branch on null would not vectorise. The
  // loop for db is first, so da may be dc. db may be dc only if da is null.
  if (db != nullptr) {
    broadcast_loop(shape, [=](i64 c0, i64 a0, i64 b0) {
      return [=](i64 i, i64 j, i64 k) {
        db[c0 + i] = Op::gradient_b(dc[c0 + i], a[a0 + j], b[b0 + k]);
      };
    });
  }
  if (da != nullptr) {
    broadcast_loop(shape, [=](i64 c0, i64 a0, i64 b0) {
      return [=](i64 i, i64 j, i64 k) {
        da[c0 + i] = Op::gradient_a(dc[c0 + i], a[a0 + j], b[b0 + k]);
      };
    });
  }
}

}  // namespace

#define WEFT_BINARY_T(Op, T)                                                             \
  template <>                                                                            \
  void binary_forward<Op>(Cpu, T * c, BinaryInputs<T> in, const Broadcast& shape) {      \
    forward<Op>(c, in, shape);                                                           \
  }                                                                                      \
  template <>                                                                            \
  void binary_backward<Op>(Cpu, BinaryGradients<T> out, const T* dc, BinaryInputs<T> in, \
                           const Broadcast& shape) {                                     \
    backward<Op>(out, dc, in, shape);                                                    \
  }
#define WEFT_BINARY(op, Op) WEFT_BINARY_T(Op, float) WEFT_BINARY_T(Op, double)
WEFT_BINARY_OPS(WEFT_BINARY)

}  // namespace weft::kernels
