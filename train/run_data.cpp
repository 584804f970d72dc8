// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run_data.h"

#include "weft/data/subset.h"
#include "weft/nn/safetensors.h"
#include "weft/train/model_card.h"

namespace weft::train {

namespace {

// What the weights that a run starts from were trained with.
data::Normalization pretrained_normalization(const RunConfig& config) {
  const std::optional<PretrainedSection>& pretrained = config.model.common.pretrained;
  WEFT_CHECK(
      pretrained.has_value(),
      "data.normalize: pretrained given without model.pretrained; weights that say what they "
      "were trained with are required");
  return read_model_card(pretrained->path, read_safetensors_metadata(pretrained->path))
      .normalization;
}

}  // namespace

RunData load_data(const RunConfig& config, const std::optional<data::Normalization>& known) {
  const DataSection& section = config.data.common;
  const u64 seed = static_cast<u64>(config.run.seed);
  const data::TrainAndTest splits = config.data.recipe.make();
  WEFT_CHECK(splits.train != nullptr && splits.train->size() > 0,
             "data: {} has no training samples; at least one "
             "is required",
             config.data.recipe.name());
  RunData result{splits.train, nullptr, splits.test, {}};
  if (section.validation_split > 0) {
    data::ValidationSplit split = data::hold_out(splits.train, section.validation_split, seed);
    result.train = split.train;
    result.validation = split.validation;
  }
  if (section.subset > 0) result.train = data::some_samples(result.train, section.subset, seed);
  if (config.train.overfit_batches > 0) {
    const i64 samples = config.train.overfit_batches * config.train.batch_size;
    result.train = data::first_samples(result.train, std::min(samples, result.train->size()));
  }
  WEFT_CHECK(config.train.batch_size <= result.train->size(),
             "train.batch_size: {} given for {} training samples; at most as many as there are",
             config.train.batch_size, result.train->size());
  result.normalization = known ? *known
                         : section.normalize == "pretrained"
                             ? pretrained_normalization(config)
                             : data::normalization_named(section.normalize, *splits.train);
  return result;
}

}  // namespace weft::train
