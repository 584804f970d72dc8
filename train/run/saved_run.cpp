// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/saved_run.h"

#include "weft/data/stream/stream_dataset.h"
#include "weft/nn/serialize.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/run/run_data.h"
#include "weft/train/run/run_plugins.h"

namespace weft::train {

SavedRun::SavedRun(const std::string& dir, const std::string& checkpoint,
                   const std::string& weights)
    : folder_(RunFolder::open(dir)),
      config_(load_saved_config(folder_.file("config.yaml").string())),
      weights_(folder_.weights(checkpoint, weights).string()),
      metadata_(read_model_metadata(weights_, weights_metadata(weights_))) {
  model_ = make_model(metadata_, weights_);
  load(**model_, weights_);
  (*model_)->to(device_named(config_.run.device));
  (*model_)->name_paths();
}

Evaluation SavedRun::evaluate(const std::string& split, Tensor* outputs) {
  const std::string place = data_place_of_checkpoint(std::filesystem::path(weights_).parent_path());
  const RunData data = load_data(config_, metadata_.normalization, place);
  const auto& dataset = split == "train"        ? data.train
                        : split == "validation" ? data.validation
                                                : data.test;
  WEFT_CHECK(dataset != nullptr, "evaluate: the run {} has no {} split", folder_.path().string(),
             split);
  WEFT_CHECK(data::as_stream(*dataset) == nullptr,
             "evaluate: the training samples of the run {} came in a stream; test or validation is "
             "required",
             folder_.path().string());
  data::Loader loader(dataset, {.batch_size = std::min<i64>(256, dataset->size()),
                                .workers = config_.data.common.workers,
                                .bad_samples = config_.data.common.bad_samples});
  Evaluator evaluator(**model_, config_.objective.loss,
                      {.metrics = config_.validation.metrics,
                       .precision = config_.precision,
                       .normalization = metadata_.normalization});
  if (outputs != nullptr) return evaluator.evaluate(loader, *outputs);
  return evaluator.evaluate(loader);
}

}  // namespace weft::train
