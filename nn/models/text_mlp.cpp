// SPDX-License-Identifier: Apache-2.0
// Predicts the next token from the preceding ones. An MLP reads the concatenated embeddings of the
// tokens. Names are "0.weight" (the embedding table), "2.weight", …. Source: Bengio, Ducharme,
// Vincent & Jauvin 2003, JMLR 3, §2, without the direct connections.
#include "weft/nn/activations.h"
#include "weft/nn/dropout.h"
#include "weft/nn/dry_run.h"
#include "weft/nn/embedding.h"
#include "weft/nn/linear.h"
#include "weft/nn/models/models.h"
#include "weft/nn/sequential.h"

namespace weft::nn {
namespace {

// The inputs are tokens of the same vocabulary as the outputs, so the table has a row per output.
AnyModule make_text_mlp(const TextMlpOptions& options, const ModelInput& input) {
  WEFT_CHECK(input.sample.rank() == 1 && input.sample.elements() > 0,
             "text_mlp: a sample is {}; tokens (context) are required", input.sample);
  Sequential model;
  model.push(Embedding{input.outputs, options.embedding}).push(Flatten{});
  i64 width = input.sample.elements() * options.embedding;
  for (const i64 hidden : options.hidden) {
    Sequential end;
    end.push(activation_named(options.activation)).push(Dropout{options.dropout});
    model.push(Linear{width, hidden}).push(std::move(end));
    width = hidden;
  }
  model.push(Linear{width, input.outputs});
  return checked(std::move(model), input, DType::int64);
}

const bool registered = Registry<Model>::add<TextMlpOptions>("text_mlp", make_text_mlp);

}  // namespace

void describe(Fields& f, TextMlpOptions& o) {
  f("embedding", o.embedding, "elements of the embedding of a token", at_least(1));
  f("hidden", o.hidden, "widths of the hidden layers", at_least(1));
  f("activation", o.activation, "activation after each hidden layer", activation_names());
  f("dropout", o.dropout, "fraction of hidden elements set to zero in training",
    from_to_below(0, 1));
  f.rule(std::ssize(o.hidden) <= kMostLayers, "hidden", "at most 1000 values");
}

Recipe<Model> text_mlp(const TextMlpOptions& options) {
  return Recipe<Model>::of("text_mlp", options);
}

}  // namespace weft::nn
