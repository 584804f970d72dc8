// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/resume.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "weft/core/glob.h"
#include "weft/core/log.h"
#include "weft/core/config/config.h"
#include "weft/train/checkpoint/manifest.h"
#include "weft/train/strategies/strategies.h"

namespace weft::train {

namespace fs = std::filesystem;

namespace {

// Results do not depend on these keys, except for differences that not_bit_exact() reports.
constexpr std::array kPlaces{"run.threads",         "run.device",    "run.autotune",
                             "run.atomics",         "data.workers",  "data.on_device",
                             "data.root",           "data.path",     "model.pretrained.path",
                             "train.out_of_memory", "train.capture", "trainer.teacher"};
constexpr std::array kUnseen{"run.dir", "resume", "resume_override",
                             "task"};  // the keys that it sets are compared
constexpr std::array kFree{"train.epochs", "checkpoint"};
constexpr std::array kOverridable{"optimizer", "scheduler"};

bool is_or_is_in(const std::string& path, std::string_view section) {
  return path == section || (path.starts_with(section) &&
                             (path[section.size()] == '.' || path[section.size()] == '['));
}
template <class List>
bool in_any(const std::string& path, const List& sections) {
  return std::any_of(sections.begin(), sections.end(),
                     [&](const auto& section) { return is_or_is_in(path, section); });
}

fs::path checkpoints_of(const fs::path& run) { return run / "checkpoints"; }
bool is_checkpoint(const fs::path& path) { return fs::exists(path / kManifestFile); }
bool is_run(const fs::path& path) {
  return fs::exists(path / "config.yaml") || !checkpoints_in(checkpoints_of(path)).empty();
}
bool same_folder(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::equivalent(a, b, ignored);
}

std::shared_ptr<const CheckpointReader> opened(const fs::path& folder) {
  return std::make_shared<const CheckpointReader>(folder);
}

// Returns the newest good checkpoint, and warns of the bad ones after it.
Resume newest_of(const fs::path& run) {
  Resume resume{.folder = run.string()};
  const fs::path folder = checkpoints_of(run);
  std::vector<CheckpointName> names = checkpoints_in(folder);
  resume.seen = names;
  std::string reason;
  for (; !names.empty(); names.pop_back()) {
    try {
      resume.from = opened(folder / names.back().text());
      resume.name = names.back();
      return resume;
    } catch (const std::exception& error) {
      reason = error.what();
      log_warning("resume: {} is refused: {}", names.back().text(), reason);
    }
  }
  WEFT_CHECK(reason.empty(),
             "resume: {} has no checkpoint that is good (the oldest: {}); remove them to begin "
             "again, or give another run.dir",
             folder.string(), reason);
  return resume;
}

Resume automatic(const RunConfig& config) {
  const std::string& dir = config.run.dir;
  WEFT_CHECK(!dir.empty(),
             "resume: auto is given without run.dir; the folder to go on in is required");
  if (!is_run(dir)) {
    log_info("resume: {} holds no run yet; the run begins", dir);
    return {};
  }
  Resume resume = newest_of(dir);
  if (!resume.from) log_info("resume: {} has no checkpoint yet; the run begins again", dir);
  return resume;
}

Resume by_path(const RunConfig& config) {
  const fs::path path(config.resume.from);
  std::error_code error;
  Resume resume;
  if (is_checkpoint(path)) {
    const fs::path folder = fs::canonical(path, error);  // last and best are links
    resume.from = opened(path);
    const fs::path run = folder.parent_path().parent_path();
    for (const CheckpointName& name : checkpoints_in(checkpoints_of(run)))
      if (same_folder(checkpoints_of(run) / name.text(), folder)) {
        resume.name = name;
        resume.folder = fs::relative(run, fs::current_path(), error).string();
        if (error || resume.folder.starts_with("..")) resume.folder = run.string();
      }
  } else {
    WEFT_CHECK(is_run(path),
               "resume: {} is neither a checkpoint nor the folder of a run; never, auto or a path "
               "to one of them is required",
               config.resume.from);
    resume = newest_of(path);
    WEFT_CHECK(resume.from != nullptr, "resume: {} has no checkpoint; one is required",
               path.string());
  }
  const bool elsewhere = !config.run.dir.empty() && !same_folder(config.run.dir, resume.folder);
  if (elsewhere || resume.folder.empty()) {
    resume.folder.clear();
    resume.name = {};
    return resume;
  }
  const Resume newest = newest_of(resume.folder);
  resume.seen = newest.seen;
  WEFT_CHECK(newest.name == resume.name,
             "resume: {} is not the newest checkpoint of {}, which has {}; to go on from the older "
             "one, another run.dir is required",
             path.string(), resume.folder, newest.name.text());
  return resume;
}

}  // namespace

Resume find_resume(const RunConfig& config) {
  if (config.resume.from == "never") return {};
  Resume resume = config.resume.from == "auto" ? automatic(config) : by_path(config);
  if (resume.from) {
    const std::string source = resume.from->file(kTrainerStateFile);
    check_changes(config::load_text<RunConfig>(resume.from->about().config, source).value, config);
  }
  return resume;
}

void check_changes(RunConfig before, RunConfig after) {
  for (RunConfig* config : {&before, &after}) config->strategy = unchained(config->strategy);
  for (const std::string& key : after.resume.override_keys)
    WEFT_CHECK(in_any(key, kOverridable),
               "resume_override: '{}' given; keys of optimizer or scheduler are required", key);
  std::vector<std::string> refused, override;
  for (const config::Difference& d : config::differences(before, after)) {
    if (in_any(d.path, kUnseen)) continue;
    const auto text = [](const std::string& value) { return value.empty() ? "none" : value; };
    const std::string change = fmt::format("{}: {} -> {}", d.path, text(d.before), text(d.after));
    const bool named = std::any_of(after.resume.override_keys.begin(),
                                   after.resume.override_keys.end(), [&](const std::string& key) {
                                     return is_or_is_in(d.path, key) || glob_matches(key, d.path);
                                   });
    if (in_any(d.path, kFree) || in_any(d.path, kPlaces) || named) {
      log_info("resume: {}", change);
      continue;
    }
    refused.push_back(change);
    if (in_any(d.path, kOverridable)) override.push_back(d.path);
  }
  WEFT_CHECK(
      refused.empty(),
      "resume: the config is not that of the checkpoint ({}); train.epochs and "
      "checkpoint may change, optimizer and scheduler where resume_override names the key{}, "
      "and nothing else",
      fmt::join(refused, "; "),
      override.empty() ? "" : fmt::format(" (resume_override: [{}])", fmt::join(override, ", ")));
}

std::string not_bit_exact(const std::map<std::string, std::string>& before,
                          const std::map<std::string, std::string>& now) {
  std::vector<std::string> changes;
  for (const auto& [key, value] : now) {
    const auto found = before.find(key);
    const std::string then = found == before.end() ? "unknown" : found->second;
    if (then != value) changes.push_back(fmt::format("{} {} -> {}", key, then, value));
  }
  return fmt::format("{}", fmt::join(changes, ", "));
}

}  // namespace weft::train
