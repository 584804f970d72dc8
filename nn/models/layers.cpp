// SPDX-License-Identifier: Apache-2.0
// A model that the config lists layer by layer. Its parts are named by their positions, as in
// PyTorch's Sequential: "0.weight", "2.layers.0.weight".
#include "weft/nn/layer.h"
#include "weft/nn/models/models.h"

namespace weft::nn {
namespace {

AnyModule make_layers(const LayersOptions& options, const ModelInput& input) {
  i64 left = kMostLayers;
  const DType dtype = input.tokens ? DType::int64 : DType::f32;
  Tensor sample = Tensor::zeros(input.sample.inserted(0, 1), dtype);
  BuiltLayers built = build_layers(options.layers, {std::move(sample), input.outputs, &left});
  WEFT_CHECK(built.y.shape() == (Shape{1, input.outputs}),
             "model: the layers give {} for a sample of {}; ({}) is required, as `flatten` and "
             "`linear` without a size give it",
             built.y.shape().without(0), input.sample, input.outputs);
  return checked(std::move(built.modules), input, dtype);
}

const bool registered = Registry<Model>::add<LayersOptions>("layers", make_layers);

}  // namespace

void describe(Fields& f, LayersOptions& o) {
  f("layers", o.layers, "layers in order, such as [{conv: {out: 32}}, relu, flatten, linear]");
  f.rule(!o.layers.empty(), "layers", "at least one layer");
}

Recipe<Model> layers(const LayersOptions& options) { return Recipe<Model>::of("layers", options); }

}  // namespace weft::nn
