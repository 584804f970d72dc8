// SPDX-License-Identifier: Apache-2.0
// Loading a RunConfig from its file.
#pragma once
#include <string>
#include <vector>

#include "weft/core/config/config.h"
#include "weft/train/run/run_config.h"

namespace weft::train {

// config::load, and paths made absolute: a relative model.pretrained.path, trainer.teacher or
// data.path is looked for beside the file that gives it, then in the current folder; from the
// command line, only there. Throws ConfigError.
config::Loaded<RunConfig> load_run_config(const std::string& path,
                                          const std::vector<std::string>& overrides = {});

}  // namespace weft::train
