// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {
namespace {

// dx is dy where the condition chose x and 0 elsewhere, summed over the axes along which x was
// broadcast.
void chosen_gradient(Tensor& dx, const Tensor& condition, const Tensor& dy, bool chosen_if_true) {
  const Tensor zero = Tensor::zeros({}, dy.dtype(), dy.device());
  Tensor full = dx.shape() == dy.shape() ? dx : Tensor::empty_like(dy);
  if (chosen_if_true) where(full, condition, dy, zero);
  else where(full, condition, zero, dy);
  if (!full.shares_storage_with(dx)) sum_to(dx, full);
}

}  // namespace

Variable where(const Tensor& condition, const Variable& a, const Variable& b) {
  return record(
      "where", where(condition, a.value(), b.value()),
      edge(a, [condition = condition](const Tensor& dy,
                                      Tensor& da) { chosen_gradient(da, condition, dy, true); }),
      edge(b, [condition = condition](const Tensor& dy, Tensor& db) {
        chosen_gradient(db, condition, dy, false);
      }));
}

Variable masked_fill(const Variable& x, const Tensor& mask, double value) {
  return record("masked_fill", masked_fill(x.value(), mask, value),
                in_place_edge(x, [mask = mask](const Tensor& dy, Tensor& dx) {
                  where(dx, mask, Tensor::zeros({}, dy.dtype(), dy.device()), dy);
                }));
}

}  // namespace weft
