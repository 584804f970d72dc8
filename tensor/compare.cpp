// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/compare.h"

#include "weft/tensor/broadcast.h"
#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"

namespace weft {
namespace {

template <class Op>
Tensor compared(const char* op, const Tensor& a, const Tensor& b) {
  check_same_kind(op, a, b);
  Tensor c = Tensor::empty(broadcast_shapes(op, a.shape(), b.shape()), DType::uint8, a.device());
  const kernels::Broadcast plan = broadcast_of(c.shape(), a.shape(), b.shape());
  const auto run = [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::compare<Op, T>(device, c.data<u8>(), {a.data<T>(), b.data<T>()}, plan);
        },
        a.device());
  };
  switch (a.dtype()) {
    case DType::int64: run.template operator()<i64>(); break;
    case DType::int32: run.template operator()<i32>(); break;
    case DType::uint8: run.template operator()<u8>(); break;
    default: visit_compute(op, a.dtype(), run);
  }
  return c;
}

Tensor constant(const Tensor& like, double value) {
  return Tensor::full({}, value, like.dtype(), like.device());
}

}  // namespace

#define WEFT_DEFINE(op, Op) \
  Tensor op(const Tensor& a, const Tensor& b) { return compared<kernels::Op>(#op, a, b); }
WEFT_COMPARISONS(WEFT_DEFINE)
#undef WEFT_DEFINE
Tensor gt(const Tensor& a, const Tensor& b) { return compared<kernels::Less>("gt", b, a); }
Tensor ge(const Tensor& a, const Tensor& b) { return compared<kernels::LessEqual>("ge", b, a); }

#define WEFT_DEFINE(op) \
  Tensor op(const Tensor& a, double b) { return op(a, constant(a, b)); }
WEFT_DEFINE(eq)
WEFT_DEFINE(ne)
WEFT_DEFINE(lt)
WEFT_DEFINE(le)
WEFT_DEFINE(gt)
WEFT_DEFINE(ge)
#undef WEFT_DEFINE

}  // namespace weft
