// SPDX-License-Identifier: Apache-2.0
// The metadata of a weights file, with which it can be used alone: architecture, input, classes and
// normalisation.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "weft/data/normalize.h"
#include "weft/nn/models/models.h"
#include "weft/tensor/dtype.h"

namespace weft::train {

struct ModelMetadata {
  Recipe<nn::Model> model;
  nn::ModelInput input;
  DType sample_dtype = DType::uint8;
  data::Normalization normalization;
  std::vector<std::string> class_names = {};
  std::vector<std::string> input_names = {};  // DatasetInfo::input_names; an older weft saved none
};
std::map<std::string, std::string> metadata_of(const ModelMetadata& model);
// Throws UserError that names the file and the key that is missing, damaged or out of range. A std
// of 0 is out of range, and so is a sample without elements.
ModelMetadata read_model_metadata(const std::string& file,
                                  const std::map<std::string, std::string>& metadata);

// The metadata of a weights file. Throws UserError if the file differs from the manifest of a
// checkpoint that lies beside it, and what read_safetensors_metadata throws.
std::map<std::string, std::string> weights_metadata(const std::string& file);

// Builds the model of a weights file, with initial weights. The metadata may claim any size, so the
// model may take little more memory than the file. Throws UserError if it would take more.
nn::AnyModule make_model(const ModelMetadata& model, const std::string& file);

}  // namespace weft::train
