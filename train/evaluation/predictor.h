// SPDX-License-Identifier: Apache-2.0
// Predictor: a trained model from one weights file, for applications.
//
//   const auto predictor =
//   train::Predictor::open("runs/latest/checkpoints/last/model.safetensors");
//   Tensor scores = predictor.predict(images);   // (samples, outputs)
//
// The file's metadata holds architecture, input and normalisation
// (train/checkpoint/model_metadata.h). Several threads may call predict() at the same time.
#pragma once
#include <string>
#include <vector>

#include "weft/nn/module.h"
#include "weft/train/step/input.h"
#include "weft/train/checkpoint/model_metadata.h"

namespace weft::train {

class Predictor {
 public:
  // Throws UserError for a file that weft train did not write.
  static Predictor open(const std::string& path, const Device& device = Cpu{});

  const ModelMetadata& metadata() const { return metadata_; }
  // `samples` is (n, sample shape…), unnormalised, in the dtype of the metadata: uint8, f32 or
  // int64. Returns the model's outputs (n, outputs); for a classifier these are logits. Throws
  // UserError for another shape or dtype.
  Tensor predict(const Tensor& samples) const;

 private:
  Predictor(ModelMetadata metadata, nn::AnyModule model, InputPipeline input);
  ModelMetadata metadata_;
  nn::AnyModule model_;
  InputPipeline input_;
};

}  // namespace weft::train
