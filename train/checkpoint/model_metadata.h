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
};
std::map<std::string, std::string> metadata_of(const ModelMetadata& model);
// Throws UserError that names the file and the missing or damaged key.
ModelMetadata read_model_metadata(const std::string& file,
                                  const std::map<std::string, std::string>& metadata);

}  // namespace weft::train
