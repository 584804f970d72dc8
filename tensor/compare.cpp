// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/compare.h"

#include <cmath>
#include <optional>

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

Tensor same_everywhere(const Tensor& like, bool holds) {
  return Tensor::full(like.shape(), holds ? 1 : 0, DType::uint8, like.device());
}

// The bounds of an integer dtype, as doubles: low ≤ every value < high.
struct IntegerRange {
  double low, high;
};
std::optional<IntegerRange> integer_range(const Tensor& x) {
  if (!x.defined()) return std::nullopt;
  switch (x.dtype()) {
    case DType::int64: return IntegerRange{-0x1p63, 0x1p63};
    case DType::int32: return IntegerRange{-0x1p31, 0x1p31};
    case DType::uint8: return IntegerRange{0, 256};
    default: return std::nullopt;
  }
}

// Compares x with a number that need not be a value of its dtype: for integers, x < b is x < ⌈b⌉
// and x ≤ b is x ≤ ⌊b⌋. `above` is the result where b is above all x.
template <class Compare>
Tensor ordered(const Tensor& x, double b, double (*round)(double), bool above,
               const Compare& compare) {
  const std::optional<IntegerRange> range = integer_range(x);
  if (!range) return compare(x, constant(x, b));
  if (std::isnan(b)) return same_everywhere(x, false);
  const double c = round(b);
  if (c >= range->high) return same_everywhere(x, above);
  if (c < range->low) return same_everywhere(x, !above);
  return compare(x, constant(x, c));
}

double round_up(double x) { return std::ceil(x); }
double round_down(double x) { return std::floor(x); }

// Whether a value of the dtype of x can be equal to b.
bool is_value(const Tensor& x, double b) {
  const std::optional<IntegerRange> range = integer_range(x);
  return !range || (b == std::floor(b) && b >= range->low && b < range->high);
}

}  // namespace

#define WEFT_DEFINE(op, Op) \
  Tensor op(const Tensor& a, const Tensor& b) { return compared<kernels::Op>(#op, a, b); }
WEFT_COMPARISONS(WEFT_DEFINE)
#undef WEFT_DEFINE
Tensor gt(const Tensor& a, const Tensor& b) { return compared<kernels::Less>("gt", b, a); }
Tensor ge(const Tensor& a, const Tensor& b) { return compared<kernels::LessEqual>("ge", b, a); }

Tensor eq(const Tensor& a, double b) {
  return is_value(a, b) ? eq(a, constant(a, b)) : same_everywhere(a, false);
}
Tensor ne(const Tensor& a, double b) {
  return is_value(a, b) ? ne(a, constant(a, b)) : same_everywhere(a, true);
}

#define WEFT_DEFINE(op, round, above)                                                              \
  Tensor op(const Tensor& a, double b) {                                                           \
    return ordered(a, b, round, above, [](const Tensor& x, const Tensor& y) { return op(x, y); }); \
  }
WEFT_DEFINE(lt, round_up, true)
WEFT_DEFINE(le, round_down, true)
WEFT_DEFINE(gt, round_down, false)
WEFT_DEFINE(ge, round_up, false)
#undef WEFT_DEFINE

}  // namespace weft
