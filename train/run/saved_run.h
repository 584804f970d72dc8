// SPDX-License-Identifier: Apache-2.0
// A trained run, opened for evaluation: its config, the data it was trained with, and the weights
// of a checkpoint.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "weft/nn/module.h"
#include "weft/train/evaluation/evaluator.h"
#include "weft/train/checkpoint/model_metadata.h"
#include "weft/train/run/run_config.h"
#include "weft/train/run/run_folder.h"

namespace weft::train {

class SavedRun {
 public:
  // `checkpoint`: last, best or step-N. `weights`: model, or ema for the averaged ones. Throws
  // UserError for a folder that is not a run, and for weights that the checkpoint does not have.
  SavedRun(const std::string& dir, const std::string& checkpoint,
           const std::string& weights = "model");

  const RunConfig& config() const { return config_; }
  const ModelMetadata& metadata() const { return metadata_; }
  nn::Module& model() { return **model_; }
  std::string weights_file() const { return weights_; }
  // `split` is test, validation or train, cut as in training. Throws UserError when the run has no
  // such split. Writes the model's outputs for every sample to `outputs`, and the samples as they
  // are before normalization, in the same order, to `samples`, if these are not null.
  Evaluation evaluate(const std::string& split, Tensor* outputs = nullptr,
                      std::shared_ptr<const data::Dataset>* samples = nullptr);

 private:
  // Loads the weights that the same checkpoint has of the model NAME.
  void load_beside(nn::Module& model, const std::string& name) const;
  std::shared_ptr<const Loss> trained_loss() const;
  // The trainer of the config, with all its models.
  std::unique_ptr<Trainer> trained_trainer(const RunData& data);
  RunFolder folder_;
  RunConfig config_;
  std::string weights_;
  ModelMetadata metadata_;
  std::optional<nn::AnyModule> model_;
};

}  // namespace weft::train
