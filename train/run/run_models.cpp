// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/run_models.h"

#include <utility>

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

FurtherModels further_models(const RunConfig& config, const RunData& data, bool resumes) {
  FurtherModels models;
  for (const auto& [name, options] : config.train.models) {
    data::DatasetInfo info = data.train->info();
    data::Normalization normalization = data.normalization;
    const FurtherModelOptions& common = options.common;
    if (!common.input.empty()) {
      info.sample = Shape(std::span<const i64>(common.input));
      info.sample_dtype = DType::f32;
      normalization = data::no_normalization(info);
    }
    const nn::ModelInput input{info.sample,
                               common.outputs > 0
                                   ? common.outputs
                                   : config.objective.loss.make()->outputs(data.train->info()),
                               info.has_tokens()};
    FurtherModel model{options.recipe.make(input),
                       metadata_of({options.recipe, input, info.sample_dtype, normalization})};
    if (!resumes) load_pretrained(*model.module, common, "models." + name);
    if (const auto its = config.train.optimizers.find(name); its != config.train.optimizers.end()) {
      model.optimizer = its->second.recipe;
      model.scheduler = its->second.common.scheduler.value_or(optim::constant());
    }
    models.emplace(name, std::move(model));
  }
  return models;
}

}  // namespace weft::train
