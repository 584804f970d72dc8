// SPDX-License-Identifier: Apache-2.0
// Multi-layer perceptron: Flatten, then Linear and activation for each hidden width, then Linear.
// In a file it is PyTorch's Sequential(Flatten, Linear, ReLU, …), so its names are "1.weight",
// "3.weight", …. The activation and dropout of a layer are one entry, so that names do not depend
// on dropout.
#include "weft/nn/activations.h"
#include "weft/nn/dropout.h"
#include "weft/nn/linear.h"
#include "weft/nn/models/models.h"
#include "weft/nn/sequential.h"

namespace weft::nn {
namespace {

AnyModule hidden_end(const MlpOptions& o) {
  if (o.dropout == 0) return activation_named(o.activation);
  Sequential both;
  both.push(activation_named(o.activation)).push(Dropout{o.dropout});
  return both;
}

AnyModule make_mlp(const MlpOptions& options, const ModelInput& input) {
  WEFT_CHECK(!input.tokens,
             "mlp: a sample is {} tokens, which are no numbers to compute with; text_mlp, or "
             "`layers` that begin with an `embedding`, is required",
             input.sample);
  Sequential model;
  model.push(Flatten{});
  i64 width = input.sample.elements();
  for (const i64 hidden : options.hidden) {
    model.push(Linear{width, hidden}).push(hidden_end(options));
    width = hidden;
  }
  model.push(Linear{width, input.outputs});
  return checked(std::move(model), input);
}

const bool registered = Registry<Model>::add<MlpOptions>("mlp", make_mlp);

}  // namespace

void describe(Fields& f, MlpOptions& o) {
  f("hidden", o.hidden, "widths of the hidden layers", at_least(1));
  f("activation", o.activation, "activation after each hidden layer", activation_names());
  f("dropout", o.dropout, "fraction of hidden elements set to zero in training",
    from_to_below(0, 1));
  f.rule(std::ssize(o.hidden) <= kMostLayers, "hidden", "at most 1000 values");
}

Recipe<Model> mlp(const MlpOptions& options) { return Recipe<Model>::of("mlp", options); }

}  // namespace weft::nn
