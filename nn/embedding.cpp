// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/embedding.h"

#include "weft/autograd/ops.h"
#include "weft/nn/init.h"

namespace weft::nn {

Embedding::Embedding(i64 rows, i64 columns) {
  WEFT_CHECK(rows >= 1 && columns >= 1,
             "Embedding: {} rows and {} columns given; both must be at least 1", rows, columns);
  weight = Parameter(Tensor::empty({rows, columns}));
  init::normal(weight.value(), 0, 1);
}

Variable Embedding::forward(const Variable& x) { return embedding(weight, x.value()); }

std::string Embedding::label() const {
  return fmt::format("Embedding({}, {})", weight.value().size(0), weight.value().size(1));
}

}  // namespace weft::nn
