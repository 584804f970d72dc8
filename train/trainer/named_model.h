// SPDX-License-Identifier: Apache-2.0
// NamedModel: one of the models of a trainer.
#pragma once
#include <map>
#include <string>

#include "weft/nn/module.h"

namespace weft::train {

struct NamedModel {
  std::string name;
  nn::Module* module;
  // The metadata of its file (checkpoint/model_metadata.h); empty for the config's model.
  std::map<std::string, std::string> metadata = {};
};

}  // namespace weft::train
