// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {

Variable embedding(const Variable& table, const Tensor& indices) {
  return record("embedding", embedding(table.value(), indices),
                edge(table, [indices = indices](const Tensor& dy, Tensor& dtable) {
                  embedding_backward(dtable, dy, indices);
                }));
}

}  // namespace weft
