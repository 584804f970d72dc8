// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {

Variable dropout(const Variable& x, double p) {
  if (p == 0) return x;
  const RandomOp random = next_random_op(x.device());
  Tensor y = Tensor::empty_like(x.value());
  dropout(y, x.value(), p, random);
  return record(
      "dropout", std::move(y),
      in_place_edge(x, [p, random](const Tensor& dy, Tensor& dx) { dropout(dx, dy, p, random); }));
}

}  // namespace weft
