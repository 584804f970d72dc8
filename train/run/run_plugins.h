// SPDX-License-Identifier: Apache-2.0
// The key `plugins` of a config.
//
// Note [A run folder runs no code]
// A run records each plugin as NAME@sha256:HASH, in config.yaml and in its checkpoints. Such an
// entry asks for a plugin that is loaded and is never opened. A run folder may come from elsewhere,
// so a path in it is not opened either, nor one in a file that its config includes: `--plugin FILE`
// and the user's own config name what is loaded.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/config/config.h"
#include "weft/train/run/run_config.h"

namespace weft::train {

// Loads the plugins of the user's own config, each path relative to the file that gives it. Throws
// what load_plugin throws, and UserError for a plugin of a run that is not loaded.
config::BeforeRead opens_plugins();
// The absolute path of the loaded plugin that an entry of the key names; records stay as they are.
std::string resolved_plugin(const std::string& entry);

// A config that a run has saved, read without opening any plugin. Throws UserError if one of its
// plugins is not loaded. One that is loaded and has another hash is a warning.
RunConfig load_saved_config(const std::string& path);
RunConfig load_saved_text(std::string_view yaml, const std::string& name);
// Makes the same checks of the config of a run, and does not read its other keys.
void require_plugins_of(const std::string& path);

// The loaded plugins as a run records them.
std::vector<std::string> plugin_records();

}  // namespace weft::train
