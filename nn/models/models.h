// SPDX-License-Identifier: Apache-2.0
// The models that a config can name (`model.type`), and the input that each is built for.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "weft/core/registry.h"
#include "weft/nn/layer.h"
#include "weft/nn/module.h"

namespace weft::nn {

// The shape of a sample and the number of outputs per sample.
struct ModelInput {
  Shape sample;  // (height, width, channels), or features of any shape
  i64 outputs = 1;
  bool tokens = false;  // the sample has int64 indices, and no numbers to compute with
};

// The kind of model recipes in the registry. recipe.make(ModelInput{...}) makes a module that is
// ready to be saved and loaded.
struct Model {};

// Is called by the factory of a model on the model it built. It names the modules and runs them
// once on a sample of zeros (nn/dry_run.h), so that wrong sizes are found at once and every file
// layout is known. `sample` is the dtype of the sample, such as int64 for tokens; its default is
// that of the parameters. Throws UserError, with the name of the entry if one is given, for an
// output that is not (1, outputs) for a batch of one sample; a model of tokens (int64) may give
// (1, positions, outputs).
AnyModule checked(AnyModule model, const ModelInput& input, std::optional<DType> sample = {},
                  std::string_view name = {});
// Throws UserError unless the sample is an image (height, width, channels).
void require_image(const char* model, const ModelInput& input);

// Registers a module that is constructed from (options, ModelInput), or from either, as a model. It
// is checked as above.
template <class M, Described TOptions = NoOptions>
bool add_model(std::string name);

struct MlpOptions {
  std::vector<i64> hidden = {128};
  std::string activation = "relu";  // relu | gelu | silu | tanh | sigmoid
  double dropout = 0;               // after each hidden layer
};
void describe(Fields& f, MlpOptions& o);
Recipe<Model> mlp(const MlpOptions& options = {});

struct CnnOptions {
  // The output channels of each convolution; after each the image is halved.
  std::vector<i64> channels = {32, 64};
  i64 hidden = 128;
  double dropout = 0;  // before both linear layers
  bool batch_norm = true;
  std::string activation = "relu";
};
void describe(Fields& f, CnnOptions& o);
Recipe<Model> cnn(const CnnOptions& options = {});

// The first layers: a 3×3 convolution (cifar), or a 7×7 convolution with stride 2 and max-pooling
// (imagenet).
enum class ResNetStem { cifar, imagenet };
constexpr EnumNames<2> names_of(ResNetStem) { return {"cifar", "imagenet"}; }

struct ResNetOptions {
  i64 depth = 18;  // 18 | 34
  ResNetStem stem = ResNetStem::cifar;
  i64 width = 64;  // channels of the first stage
};
void describe(Fields& f, ResNetOptions& o);
Recipe<Model> resnet(const ResNetOptions& options = {});

// A model of tokens, which data.type: text gives.
struct TextMlpOptions {
  i64 embedding = 16;
  std::vector<i64> hidden = {128};
  std::string activation = "tanh";
  double dropout = 0;  // after each hidden layer
};
void describe(Fields& f, TextMlpOptions& o);
Recipe<Model> text_mlp(const TextMlpOptions& options = {});

// Layers by name, with sizes that follow from the input (nn/layer.h).
struct LayersOptions {
  std::vector<Recipe<Layer>> layers = {};
};
void describe(Fields& f, LayersOptions& o);
Recipe<Model> layers(const LayersOptions& options);

}  // namespace weft::nn

namespace weft {
template <>
struct RegistryTraits<nn::Model> {
  static constexpr const char* kind = "model";
  using Product = nn::AnyModule;
  using Context = std::tuple<nn::ModelInput>;
};

template <class M, Described TOptions>
bool nn::add_model(std::string name) {
  return Registry<Model>::add<TOptions>(
      name, [name](const TOptions& options, const ModelInput& input) {
        if constexpr (std::is_constructible_v<M, const TOptions&, const ModelInput&>)
          return checked(M(options, input), input, {}, name);
        else if constexpr (std::is_constructible_v<M, const TOptions&>)
          return checked(M(options), input, {}, name);
        else return checked(M(input), input, {}, name);
      });
}
}  // namespace weft
