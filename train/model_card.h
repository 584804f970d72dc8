// SPDX-License-Identifier: Apache-2.0
// What a weights file says about itself, so that it can be used alone: architecture, input, classes and
// normalisation, in the safetensors metadata.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "weft/data/normalize.h"
#include "weft/nn/models/models.h"
#include "weft/train/run_config.h"

namespace weft::train {

struct ModelCard {
  Recipe<nn::Model> model;
  nn::ModelInput input;
  DType sample_dtype = DType::uint8;
  data::Normalization normalization;
  std::vector<std::string> class_names = {};
};
std::map<std::string, std::string> metadata_of(const ModelCard& card);
// Of the model of a run.
std::map<std::string, std::string> model_card(const RunConfig& config,
                                              const data::DatasetInfo& info,
                                              const data::Normalization& normalization);
// Throws UserError naming the file and the key that is missing or damaged.
ModelCard read_model_card(const std::string& file,
                          const std::map<std::string, std::string>& metadata);

}  // namespace weft::train
