// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/layer.h"

#include "weft/autograd/variable.h"

namespace weft::nn {
namespace {

// Runs a layer on one sample, as nn/dry_run.h does. The result, unlike zeros of its shape, knows
// which image was flattened (Note [Flatten and file layout]).
Tensor output_of(Module& module, const Tensor& x) {
  const NoGrad no_grad;
  const EvalMode mode(module);
  return module(x).value();
}

}  // namespace

i64 LayerInput::channels(const char* layer) const {
  WEFT_CHECK(sample().rank() == 3,
             "{}: a sample is {}; an image (height, width, channels) is required", layer, sample());
  return sample()[2];
}

i64 LayerInput::features(const char* layer) const {
  WEFT_CHECK(sample().rank() >= 1 && is_floating(x.dtype()),
             "{}: a sample is {} {}; numbers with at least one axis are required", layer, x.dtype(),
             sample());
  return sample()[-1];
}

BuiltLayers build_layers(const std::vector<LayerRecipe>& layers, const LayerInput& input) {
  BuiltLayers built{{}, input.x};
  for (std::size_t i = 0; i < layers.size(); ++i) {
    WEFT_CHECK((*input.left)-- > 0, "layers: more than {} in all; at most {} are allowed",
               kMostLayers, kMostLayers);
    try {
      built.modules.push(layers[i].make(LayerInput{built.y, input.outputs, input.left}));
      built.y = output_of(built.modules[i], built.y);
    } catch (const UserError& error) {
      fail("layers[{}] ({}): {}", i, layers[i].name(), error.what());
    }
  }
  return built;
}

}  // namespace weft::nn
