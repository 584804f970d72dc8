// SPDX-License-Identifier: Apache-2.0
// Loading a RunConfig from its file.
#pragma once
#include <string>
#include <vector>

#include "weft/core/config/config.h"
#include "weft/train/run/run_config.h"

namespace weft::train {

// Calls config::load and makes paths absolute. A relative model.pretrained.path, trainer.teacher or
// data.path is searched beside the file that gives it, then in the current folder. A path of the
// command line is relative to the current folder, and so is checkpoint.dir. Loads the plugins that
// the config names before anything else of it is read (train/run/run_plugins.h). Throws
// ConfigError, and what load_plugin throws.
config::Loaded<RunConfig> load_run_config(const std::string& path,
                                          const std::vector<std::string>& overrides = {});

}  // namespace weft::train
