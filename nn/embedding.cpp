// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/embedding.h"

#include "weft/autograd/ops.h"
#include "weft/nn/init.h"
#include "weft/nn/layer.h"

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

namespace {

struct EmbeddingLayer {
  i64 columns = 16, rows = 0;
};
void describe(Fields& f, EmbeddingLayer& o) {
  f("columns", o.columns, "elements of the embedding of a token", at_least(1));
  f("rows", o.rows, "number of tokens; 0: as many as the model has outputs", non_negative);
}

AnyModule make_embedding(const EmbeddingLayer& options, const LayerInput& input) {
  WEFT_CHECK(input.x.dtype() == DType::int64, "embedding: a sample is {} {}; tokens are required",
             input.x.dtype(), input.sample());
  return Embedding{options.rows == 0 ? input.outputs : options.rows, options.columns};
}

const bool registered = Registry<Layer>::add<EmbeddingLayer>("embedding", make_embedding);

}  // namespace

}  // namespace weft::nn
