// SPDX-License-Identifier: Apache-2.0
// Ops whose output consists of elements of the input: a gather by indices that they find.
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {
namespace {

ChoiceResult recorded(const char* op, const Variable& x, int axis, const Choice& best) {
  return {
      record(op, best.value,
             edge(x, [axis, index = best.index](
                         const Tensor& dy, Tensor& dx) { gather_backward(dx, dy, axis, index); })),
      best.index};
}

}  // namespace

ChoiceResult max(const Variable& x, int axis) {
  return recorded("max", x, axis, max_with_index(x.value(), axis));
}
ChoiceResult min(const Variable& x, int axis) {
  return recorded("min", x, axis, min_with_index(x.value(), axis));
}
ChoiceResult top_k(const Variable& x, i64 k) {
  return recorded("top_k", x, -1, top_k(x.value(), k));
}

}  // namespace weft
