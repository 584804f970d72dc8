// SPDX-License-Identifier: Apache-2.0
// The models of a trainer, by name.
//
// Note [Further models]
// A trainer has the run's model, called `model`, and those that its constructor adds, which come
// from its own options or from the sections `models` and `optimizers` of a config. A further model
// is moved and converted to the device and dtype of the run's. Its optimizer steps it (Note
// [Several optimizers]). Without one it is in evaluation mode and none of its parameters requires a
// gradient. The parameters of a loss are the last model, `loss`. A checkpoint has each model as
// NAME.safetensors, and a rollback restores all of them.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "weft/nn/module.h"
#include "weft/optim/optimizer.h"
#include "weft/optim/schedules.h"

namespace weft::train {

struct NamedModel {
  std::string name;
  nn::Module* module;
  // The metadata of its file (checkpoint/model_metadata.h); empty for the config's model.
  std::map<std::string, std::string> metadata = {};
};

// A model beside the run's own, and what trains it. Without an optimizer it is frozen.
struct FurtherModel {
  nn::AnyModule module;
  std::map<std::string, std::string> metadata = {};  // of its file
  std::optional<optim::OptimizerRecipe> optimizer = {};
  optim::ScheduleRecipe scheduler = optim::constant();
};

}  // namespace weft::train
