// SPDX-License-Identifier: Apache-2.0
#include "weft/view/run_record.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/core/config/config.h"
#include "weft/core/error.h"
#include "weft/core/files.h"
#include "weft/core/json.h"
#include "weft/core/printable.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/run/checkpoint_place.h"
#include "weft/train/run/run_config.h"
#include "weft/train/run/run_plugins.h"

namespace weft::view {
namespace {

namespace fs = std::filesystem;
constexpr i64 kMostText = i64{64} << 20;
constexpr std::size_t kMostWarnings = 100, kMostCheckpoints = 200;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Runs one part of the reading. What it throws becomes a note, once: several parts may read one
// file. Returns whether it threw nothing.
template <class F>
bool attempt(RunRecord& run, const F& part) {
  try {
    part();
    return true;
  } catch (const std::exception& error) {
    if (std::find(run.notes.begin(), run.notes.end(), error.what()) == run.notes.end())
      run.notes.push_back(error.what());
    return false;
  }
}

// The config as it would be if only the types of its entries were given, and the keys that such a
// config lacks; these are not in the result. Nothing if no such config can be read.
std::map<std::string, std::string> defaults_of(const std::map<std::string, std::string>& config) {
  std::string yaml;
  for (const auto& [path, value] : config) {
    const std::size_t dot = path.find('.');
    if (dot != std::string::npos && path.substr(dot) == ".type" &&
        path.find('[') == std::string::npos)
      yaml += fmt::format("{}: {{type: {}}}\n", path.substr(0, dot), value);
  }
  std::map<std::string, std::string> required;
  for (std::size_t before = 0;; before = required.size()) {
    std::vector<std::string> overrides;
    for (const auto& [path, value] : required) overrides.push_back(path + "=" + value);
    try {
      // The plugins of the run are loaded: its own config has been read.
      train::RunConfig plain =
          config::load_text<train::RunConfig>(yaml, "defaults", overrides).value;
      auto defaults = config::flatten(section_ref(plain));
      for (const auto& [path, value] : required) defaults.erase(path);
      return defaults;
    } catch (const config::ConfigError& error) {
      for (const config::Problem& problem : error.problems())
        if (const auto given = config.find(problem.path); given != config.end())
          required.insert(*given);
      if (required.size() == before) return {};
    } catch (const Error&) {
      return {};
    }
  }
}

// Whether an override "optimizer.lr=0.1" or "optimizer={…}" gave the value of this path.
bool is_given_by(const std::string& override_text, const std::string& path) {
  const std::string key = override_text.substr(0, override_text.find('='));
  return path == key ||
         (path.starts_with(key) && (path[key.size()] == '.' || path[key.size()] == '['));
}

void read_config(RunRecord& run, const fs::path& folder) {
  run.config_text = read_file(folder / "config.yaml", config::kMaxBytes);
  if (kind_of(folder / "overrides.txt") == PathKind::file)
    run.overrides = lines_of(read_file(folder / "overrides.txt", kMostText));
  train::RunConfig config = train::load_saved_config((folder / "config.yaml").string());
  const auto values = config::flatten(section_ref(config));
  const auto defaults = defaults_of(values);
  for (const auto& [path, value] : values) {
    const bool given =
        std::any_of(run.overrides.begin(), run.overrides.end(),
                    [&, &key = path](const std::string& each) { return is_given_by(each, key); });
    const auto usual = defaults.find(path);
    const bool is_default = usual != defaults.end() && usual->second == value;
    run.config[path] = {value, given ? "command line" : is_default ? "default" : "config file"};
  }
}

void read_environment(RunRecord& run, const fs::path& folder) {
  using Json = nlohmann::ordered_json;
  const fs::path file = folder / "environment.json";
  const auto json = parse_json<Json>(read_file(file, kMostText), file.string());
  if (!json.is_object()) return;
  for (const auto& [key, value] : json.items())
    if (key != "schema" && run.environment.size() < 100)
      run.environment.emplace_back(
          key, value.is_string() ? value.get<std::string>()
                                 : value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void read_log(RunRecord& run, const fs::path& folder) {
  constexpr std::string_view kMark = "warning: ";
  for (const std::string& line : lines_of(read_file(folder / "log.txt", kMostText))) {
    if (run.headline.empty()) run.headline = excerpt(line, 300);
    if (!line.starts_with(kMark)) continue;
    if (run.warnings.size() < kMostWarnings)
      run.warnings.push_back(excerpt(line.substr(kMark.size()), 2000));
    ++run.all_warnings;
  }
}

i64 bytes_in(const fs::path& folder) {
  i64 bytes = 0;
  for (const std::string& name : names_in(folder)) {
    std::error_code error;
    if (kind_of(folder / name) == PathKind::file)
      bytes += static_cast<i64>(fs::file_size(folder / name, error));
  }
  return bytes;
}

void read_checkpoints(RunRecord& run, const fs::path& folder) {
  const fs::path place = train::checkpoints_of(folder);
  const auto names = train::checkpoints_in(place);
  if (names.empty()) return;
  const train::CheckpointOptions options = train::saved_checkpoint_options(folder);
  run.monitor = options.monitor;
  const auto scored = train::scored_checkpoints(place, options, names.back());
  const std::string best = scored.empty() ? "" : train::best_of(scored).name.text();
  for (std::size_t i = names.size() - std::min(names.size(), kMostCheckpoints); i < names.size();
       ++i) {
    CheckpointRecord record{names[i].text(), names[i].step, bytes_in(place / names[i].text())};
    record.is_last = i + 1 == names.size();
    record.is_best = record.name == best;
    record.is_damaged =
        !attempt(run, [&] { record.metrics = train::metrics_of_checkpoint(place / record.name); });
    run.checkpoints.push_back(std::move(record));
  }
}

}  // namespace

RunRecord read_run(const std::string& dir) {
  const fs::path folder(dir);
  RunRecord run{History(folder)};
  attempt(run, [&] { read_config(run, folder); });
  attempt(run, [&] { read_environment(run, folder); });
  attempt(run, [&] { read_log(run, folder); });
  attempt(run, [&] { read_checkpoints(run, folder); });
  if (std::string note = damage_note(run.history); !note.empty())
    run.notes.push_back(std::move(note));
  return run;
}

void name_runs(std::vector<RunRecord>& runs) {
  constexpr std::size_t kWhole = 100;  // parts of a path
  const auto end_of = [](const RunRecord& run, std::size_t parts) {
    std::error_code error;
    fs::path whole = fs::weakly_canonical(run.history.folder(), error);
    if (error) whole = run.history.folder();
    fs::path end;
    for (; parts > 0 && whole.has_filename(); --parts, whole = whole.parent_path())
      end = end.empty() ? whole.filename() : whole.filename() / end;
    return end.empty() ? whole.string() : end.string();
  };
  for (RunRecord& run : runs) {
    // A name that is only a date says little.
    std::size_t parts =
        end_of(run, 1).find_first_not_of("0123456789-") == std::string::npos ? 2 : 1;
    const auto is_shared = [&] {
      return std::count_if(runs.begin(), runs.end(), [&](const RunRecord& other) {
               return end_of(other, parts) == end_of(run, parts) &&
                      end_of(other, kWhole) != end_of(run, kWhole);
             }) > 0;
    };
    while (parts < 16 && is_shared()) ++parts;
    run.name = printable_line(end_of(run, parts));
  }
  for (std::size_t i = 0; i < runs.size(); ++i)  // the same folder given twice
    for (std::size_t j = 0; j < i; ++j)
      if (runs[j].name == runs[i].name) runs[i].name += fmt::format(" ({})", i + 1);
}

}  // namespace weft::view
