// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/saved_run.h"

#include "weft/core/files.h"
#include "weft/data/stream/stream_dataset.h"
#include "weft/nn/serialize.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/checkpoint/manifest.h"
#include "weft/train/run/run_data.h"
#include "weft/train/run/run_models.h"
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

void SavedRun::load_beside(nn::Module& model, const std::string& name) const {
  const std::filesystem::path file =
      std::filesystem::path(weights_).replace_filename(train::weights_file(name));
  WEFT_CHECK(kind_of(file) == PathKind::file,
             "evaluate: {} is missing or no file; the weights of '{}' are required in it",
             file.string(), name);
  verify_weights(file);
  load(model, file.string());
}

// The loss of the config, with the parameters of the same checkpoint.
std::shared_ptr<const Loss> SavedRun::trained_loss() const {
  LossModule loss(make_loss(config_.objective.loss));
  if (loss.named_parameters().empty()) return loss.loss();
  load_beside(loss, "loss");
  loss.to(device_named(config_.run.device));
  return loss.loss();
}

std::unique_ptr<Trainer> SavedRun::trained_trainer(const RunData& data) {
  TrainerOptions options = config_.trainer_options();
  options.normalization = metadata_.normalization;
  FurtherModels models = further_models(config_, data, true);
  auto trainer = config_.trainer.make(
      TrainerContext{.model = **model_,
                     .loss = config_.objective.loss,
                     .options = options,
                     .data = data.train->info(),
                     .checkpoint = std::filesystem::path(weights_).parent_path().string(),
                     .models = &models});
  for (const NamedModel& each : trainer->models())
    if (each.module != &**model_) load_beside(*each.module, each.name);
  return trainer;
}

Evaluation SavedRun::evaluate(const std::string& split, Tensor* outputs,
                              std::shared_ptr<const data::Dataset>* samples) {
  const std::string place = data_place_of_checkpoint(std::filesystem::path(weights_).parent_path());
  const RunData data = load_data(config_, metadata_.normalization, place,
                                 {metadata_.class_names, metadata_.input_names});
  const i64 wanted = config_.objective.loss.make()->outputs(data.train->info());
  WEFT_CHECK(wanted == metadata_.input.outputs,
             "evaluate: the data of {} need {} outputs and the model of {} has {}; the data of the "
             "training are required",
             data.train->info().name, wanted, weights_, metadata_.input.outputs);
  const auto& dataset = split == "train"        ? data.train
                        : split == "validation" ? data.validation
                                                : data.test;
  WEFT_CHECK(dataset != nullptr, "evaluate: the run {} has no {} split", folder_.path().string(),
             split);
  WEFT_CHECK(data::as_stream(*dataset) == nullptr,
             "evaluate: the training samples of the run {} came in a stream; test or validation is "
             "required",
             folder_.path().string());
  if (samples != nullptr) *samples = dataset;
  data::Loader loader(dataset, {.batch_size = std::min<i64>(256, dataset->size()),
                                .workers = config_.data.common.workers,
                                .bad_samples = config_.data.common.bad_samples});
  check_metric_names("validation.metrics", config_.validation.metrics);
  EvaluatorOptions options{.metrics = config_.validation.metrics,
                           .precision = config_.precision,
                           .normalization = metadata_.normalization};
  // The model alone does not read the further tensors of samples; the trainer knows how it does.
  std::unique_ptr<Trainer> trainer;
  if (!dataset->info().more.empty()) {
    trainer = trained_trainer(data);
    options.outputs = outputs_of(*trainer);
  }
  Evaluator evaluator(**model_, trained_loss(), options);
  if (outputs != nullptr) return evaluator.evaluate(loader, *outputs);
  return evaluator.evaluate(loader);
}

}  // namespace weft::train
