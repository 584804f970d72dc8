// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/run_plugins.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "weft/core/config/overrides.h"
#include "weft/core/files.h"
#include "weft/core/home.h"
#include "weft/core/log.h"
#include "weft/core/plugin.h"

namespace weft::train {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kHashMark = "@sha256:";
constexpr std::size_t kHashDigits = 64, kShownDigits = 12;

struct PluginRecord {
  std::string name, sha256;
};

std::optional<PluginRecord> record_of(std::string_view text) {
  const std::size_t mark = text.rfind(kHashMark);
  if (mark == text.npos || mark == 0) return std::nullopt;
  const std::string_view hash = text.substr(mark + kHashMark.size());
  const bool is_hash =
      hash.size() == kHashDigits && hash.find_first_not_of("0123456789abcdef") == hash.npos;
  if (!is_hash) return std::nullopt;
  return PluginRecord{std::string(text.substr(0, mark)), std::string(hash)};
}

const Plugin* loaded_as(const std::vector<Plugin>& all, const std::string& name) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Plugin& p) { return p.name == name; });
  return found == all.end() ? nullptr : &*found;
}

// An entry that is not opened: a record, or a path because of the run folder `run`.
void require_plugin(const std::string& entry, const std::string& source, const fs::path& run) {
  const std::vector<Plugin> all = loaded_plugins();
  const std::optional<PluginRecord> record = record_of(entry);
  const std::string name = record ? record->name : fs::path(entry).filename().string();
  const Plugin* plugin = loaded_as(all, name);
  WEFT_CHECK(plugin != nullptr || !record,
             "plugins: {} names {} (sha256 {}…), which is not loaded; --plugin FILE, with that "
             "plugin, is required",
             source, name, record ? record->sha256.substr(0, kShownDigits) : "");
  WEFT_CHECK(
      plugin != nullptr,
      "plugins: {} names {}, and no path in a run folder ({}) is opened; --plugin FILE, with "
      "that plugin, is required",
      source, entry, run.string());
  if (record && plugin->sha256 != record->sha256)
    log_warning("plugins: {} (sha256 {}…) is another build than that of {} (sha256 {}…)",
                plugin->path, plugin->sha256.substr(0, kShownDigits), source,
                record->sha256.substr(0, kShownDigits));
}

std::vector<const config::Node*> entries_of(const config::Node& root) {
  std::vector<const config::Node*> entries;
  if (const config::Node* list = root.find("plugins"))
    for (const config::Node& item : list->items)
      if (item.is(config::Node::Kind::scalar)) entries.push_back(&item);
  return entries;  // the reader reports entries of another kind
}

// A file by its own name, and by that of the file behind links.
std::set<fs::path> names_of_file(const std::string& file) {
  std::error_code error;
  std::set<fs::path> names;
  if (const fs::path name = fs::absolute(file, error); !error)
    names.insert(name.lexically_normal());
  if (const fs::path name = fs::weakly_canonical(file, error); !error) names.insert(name);
  return names;
}

bool looks_like_a_run(const fs::path& folder) {
  std::error_code ignored;
  const auto has = [&](const char* name) {
    return fs::symlink_status(folder / name, ignored).type() != fs::file_type::not_found;
  };
  return has("config.yaml") &&
         (has("checkpoints") || has("environment.json") || has("metrics.jsonl") || has(".lock"));
}

// The run folder in which a file lies; nothing for a file elsewhere. `runs` are folders that the
// user names as runs, whatever is in them.
std::optional<fs::path> run_around(const std::string& file, const std::set<fs::path>& runs) {
  for (const fs::path& name : names_of_file(file))
    for (fs::path folder = name.parent_path();; folder = folder.parent_path()) {
      if (runs.contains(folder) || looks_like_a_run(folder)) return folder;
      if (folder == folder.parent_path()) break;
    }
  return std::nullopt;
}

// The run folders of the keys run.dir and resume.
std::set<fs::path> named_runs(const config::Node& root) {
  std::set<fs::path> runs;
  const auto add = [&](const config::Node* value) {
    if (value == nullptr || !value->is(config::Node::Kind::scalar) || value->text.empty()) return;
    runs.merge(names_of_file(expand_home(value->text).value_or(value->text)));
  };
  if (const config::Node* run = root.find("run")) add(run->find("dir"));
  if (const config::Node* resume = root.find("resume"))
    if (resume->text != "never" && resume->text != "auto") add(resume);
  return runs;
}

bool require_plugins(const config::Node& root, const config::Usage&,
                     const std::vector<config::Problem>& problems) {
  const std::vector<const config::Node*> entries = entries_of(root);
  if (!entries.empty() && !problems.empty()) return false;
  for (const config::Node* entry : entries)
    require_plugin(entry->text, entry->place.source, fs::path(entry->place.source).parent_path());
  return true;
}

void open_plugin(const config::Node& entry) {
  fs::path path = expand_home(entry.text).value_or(entry.text);
  if (path.is_relative() && entry.place.source != config::kCommandLine)
    path = fs::path(entry.place.source).parent_path() / path;
  load_plugin(path.string());
}

}  // namespace

config::BeforeRead opens_plugins() {
  return [](const config::Node& root, const config::Usage& used,
            const std::vector<config::Problem>& problems) {
    const std::vector<const config::Node*> entries = entries_of(root);
    if (entries.empty()) return true;
    if (!problems.empty()) return false;
    const std::set<fs::path> runs = named_runs(root);
    std::optional<fs::path> run;
    for (const std::string& file : used.files)
      if (!run) run = run_around(file, runs);
    for (const config::Node* entry : entries) {
      const bool opened = !run || entry->place.source == config::kCommandLine;
      if (opened && !record_of(entry->text)) open_plugin(*entry);
      else require_plugin(entry->text, entry->place.source, run.value_or(""));
    }
    return true;
  };
}

std::string resolved_plugin(const std::string& entry) {
  const std::vector<Plugin> all = loaded_plugins();
  const Plugin* plugin = loaded_as(all, fs::path(entry).filename().string());
  return plugin == nullptr ? entry : plugin->path;
}

RunConfig load_saved_config(const std::string& path) {
  return config::load<RunConfig>(path, {}, require_plugins).value;
}

RunConfig load_saved_text(std::string_view yaml, const std::string& name) {
  return config::load_text<RunConfig>(yaml, name, {}, require_plugins).value;
}

void require_plugins_of(const std::string& path) {
  config::load<NoOptions>(path, {}, [](const auto&... tree) {
    require_plugins(tree...);
    return false;
  });
}

std::vector<std::string> plugin_records() {
  std::vector<std::string> records;
  for (const Plugin& plugin : loaded_plugins())
    records.push_back(plugin.name + std::string(kHashMark) + plugin.sha256);
  return records;
}

}  // namespace weft::train
