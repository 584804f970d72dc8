// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run_config_file.h"

#include <filesystem>

#include "weft/train/config/overrides.h"

namespace weft::train {

namespace fs = std::filesystem;

config::Loaded<RunConfig> load_run_config(const std::string& path,
                                          const std::vector<std::string>& overrides) {
  config::Loaded<RunConfig> loaded = config::load<RunConfig>(path, overrides);
  if (!loaded.value.model.common.pretrained) return loaded;
  std::string& given = loaded.value.model.common.pretrained->path;
  if (fs::path(given).is_absolute()) return loaded;
  const auto origin = loaded.origins.find("model.pretrained.path");
  if (origin != loaded.origins.end() && origin->second.source != config::kCommandLine) {
    const fs::path beside = fs::path(origin->second.source).parent_path() / given;
    if (fs::exists(beside)) given = beside.string();
  }
  given = fs::absolute(given).lexically_normal().string();
  return loaded;
}

}  // namespace weft::train
