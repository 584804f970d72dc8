// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/run_config_file.h"

#include <algorithm>
#include <filesystem>

#include "weft/core/config/overrides.h"
#include "weft/train/run/run_plugins.h"

namespace weft::train {

namespace fs = std::filesystem;

namespace {

std::string made_absolute(const fs::path& path) {
  std::error_code error;
  const fs::path result = fs::absolute(path, error);
  WEFT_CHECK(!error, "{}: the current folder cannot be found ({}); an absolute path is required",
             path.string(), error.message());
  return result.lexically_normal().string();
}

std::string resolved(const std::string& given, const std::string& key,
                     const config::Loaded<RunConfig>& loaded) {
  fs::path path = given;
  if (path.is_absolute()) return given;
  const auto origin = loaded.origins.find(key);
  if (origin != loaded.origins.end() && origin->second.source != config::kCommandLine) {
    const fs::path beside = fs::path(origin->second.source).parent_path() / path;
    std::error_code error;  // what cannot be examined is not there
    if (fs::exists(beside, error)) path = beside;
  }
  return made_absolute(path);
}

}  // namespace

config::Loaded<RunConfig> load_run_config(const std::string& path,
                                          const std::vector<std::string>& overrides) {
  config::Loaded<RunConfig> loaded = config::load<RunConfig>(path, overrides, opens_plugins());
  RunConfig& config = loaded.value;
  for (std::string& plugin : config.run.plugins) plugin = resolved_plugin(plugin);
  if (auto& pretrained = config.model.common.pretrained)
    pretrained->path = resolved(pretrained->path, "model.pretrained.path", loaded);
  for (auto& [name, model] : config.train.models)
    if (auto& pretrained = model.common.pretrained)
      pretrained->path = resolved(pretrained->path, "models." + name + ".pretrained.path", loaded);
  if (const auto* given = config.trainer.options_if<DistillationOptions>()) {
    DistillationOptions options = *given;
    options.teacher = resolved(options.teacher, "trainer.teacher", loaded);
    config.trainer = distillation(options);
  }
  config.objective.by_data =
      std::none_of(loaded.origins.begin(), loaded.origins.end(), [](const auto& entry) {
        const std::string& key = entry.first;
        return key == "task" || key == "loss" || key.starts_with("loss.");
      });
  for (const char* key : {"path", "test_path"})
    if (std::string* file = data::text_option(config.data.recipe, key))
      if (!file->empty()) *file = resolved(*file, std::string("data.") + key, loaded);
  // The folder is that of the run wherever the run is resumed.
  if (!config.checkpoint.dir.empty()) config.checkpoint.dir = made_absolute(config.checkpoint.dir);
  return loaded;
}

}  // namespace weft::train
