// SPDX-License-Identifier: Apache-2.0
// The layers that a config can name (`model: {type: layers, layers: […]}`). Each is registered in
// the file of its module. It is built for the input that reaches it, so that a config gives output
// sizes alone:
//
//   const bool registered = Registry<Layer>::add<LinearLayer>(
//       "linear", [](const LinearLayer& o, const LayerInput& input) -> AnyModule {
//         return Linear{input.sample().back(), o.out};
//       });
#pragma once
#include <string>
#include <vector>

#include "weft/core/registry.h"
#include "weft/nn/sequential.h"

namespace weft::nn {

// What reaches a layer while a model is built.
struct LayerInput {
  Tensor x;         // one sample of zeros, with its batch axis
  i64 outputs = 1;  // of the model
  // How many more layers the model may have. A config may repeat a repetition.
  i64* left = nullptr;

  // The shape of the sample, without the batch axis.
  Shape sample() const { return x.shape().without(0); }
  // Throws UserError unless the sample is an image (height, width, channels). Returns the channels.
  i64 channels(const char* layer) const;
  // Throws UserError for a sample without axes. Returns the size of the last one.
  i64 features(const char* layer) const;
};

struct Layer {
  static constexpr const char* kKind = "layer";
};
using LayerRecipe = Recipe<Layer>;

constexpr i64 kMostLayers = 1000;  // of a model

// The modules of a list, and what comes out of the last one. Throws UserError that names the place
// of a layer in the list, what reaches it, and what it needs.
struct BuiltLayers {
  Sequential modules;
  Tensor y;
};
BuiltLayers build_layers(const std::vector<LayerRecipe>& layers, const LayerInput& input);

}  // namespace weft::nn

namespace weft {
template <>
struct RegistryTraits<nn::Layer> : RegistryDefaults<nn::Layer> {
  static constexpr const char* kind = nn::Layer::kKind;
  using Product = nn::AnyModule;
  using Context = std::tuple<const nn::LayerInput&>;
  static constexpr bool named_by_key = true;
};
}  // namespace weft
