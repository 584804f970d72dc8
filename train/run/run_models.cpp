// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/run_models.h"

#include <utility>

#include "weft/device/out_of_memory.h"
#include "weft/nn/serialize.h"
#include "weft/train/checkpoint/manifest.h"
#include "weft/train/checkpoint/model_metadata.h"

namespace weft::train {

void load_pretrained(nn::Module& model, const ModelOptions& options, const std::string& key) {
  if (!options.pretrained) return;
  verify_weights(options.pretrained->path);
  load(model, options.pretrained->path,
       {.exclude = options.pretrained->exclude,
        .or_else = fmt::format("a glob in {}.pretrained.exclude", key)});
}

namespace {

using FurtherModelRecipe = decltype(TrainSection::models)::mapped_type;

FurtherModel built(const FurtherModelRecipe& options, const RunConfig& config,
                   const RunData& data) {
  data::DatasetInfo info = data.train->info();
  const FurtherModelOptions& common = options.common;
  const bool has_input = !common.input.empty();
  if (has_input) {
    info.sample = Shape(std::span<const i64>(common.input));
    info.sample_dtype = DType::f32;
  }
  const nn::ModelInput input{info.sample,
                             common.outputs > 0
                                 ? common.outputs
                                 : config.objective.loss.make()->outputs(data.train->info()),
                             info.has_tokens()};
  // The model is made first: memory for an input of an absurd size is refused by its allocator.
  nn::AnyModule module = options.recipe.make(input);
  const data::Normalization normalization =
      has_input ? data::no_normalization(info) : data.normalization;
  return {std::move(module),
          metadata_of({options.recipe, input, info.sample_dtype, normalization})};
}

// The errors of built() name the key.
FurtherModel built_by_key(const std::string& key, const FurtherModelRecipe& options,
                          const RunConfig& config, const RunData& data) {
  try {
    return built(options, config, data);
  } catch (const UserError& error) {
    throw UserError(fmt::format("{}: {}", key, error.what()));
  } catch (const OutOfMemory& error) {
    throw OutOfMemory(fmt::format("{}: {}", key, error.what()));
  }
}

}  // namespace

FurtherModels further_models(const RunConfig& config, const RunData& data, bool resumes) {
  FurtherModels models;
  for (const auto& [name, options] : config.train.models) {
    FurtherModel model = built_by_key("models." + name, options, config, data);
    if (!resumes) load_pretrained(*model.module, options.common, "models." + name);
    if (const auto its = config.train.optimizers.find(name); its != config.train.optimizers.end()) {
      model.optimizer = its->second.recipe;
      model.scheduler = its->second.common.scheduler.value_or(optim::constant());
    }
    models.emplace(name, std::move(model));
  }
  return models;
}

}  // namespace weft::train
