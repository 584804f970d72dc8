// SPDX-License-Identifier: Apache-2.0
// The models that the sections `models` and `optimizers` of a config describe.
#pragma once
#include <string>

#include "weft/train/run/run_config.h"
#include "weft/train/run/run_data.h"
#include "weft/train/trainer/trainers.h"

namespace weft::train {

// Loads the weights that `pretrained` of the options names, if it does. `key` names the section.
void load_pretrained(nn::Module& model, const ModelOptions& options, const std::string& key);

// The models of the section `models`, each with its optimizer. Those of a checkpoint begin without
// their pretrained weights, which are not the newest.
FurtherModels further_models(const RunConfig& config, const RunData& data, bool resumes);

}  // namespace weft::train
