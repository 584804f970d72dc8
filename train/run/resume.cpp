// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/resume.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "weft/core/files.h"
#include "weft/core/glob.h"
#include "weft/core/log.h"
#include "weft/core/config/config.h"
#include "weft/train/checkpoint/manifest.h"
#include "weft/train/metrics/monitor_modes.h"
#include "weft/train/run/checkpoint_place.h"
#include "weft/train/run/run_plugins.h"
#include "weft/train/strategies/strategies.h"

namespace weft::train {

namespace fs = std::filesystem;

namespace {

// Results do not depend on these keys, except for differences that not_bit_exact() reports.
constexpr std::array kPlaces{"run.threads",         "run.device",
                             "run.autotune",        "run.atomics",
                             "data.workers",        "data.on_device",
                             "data.root",           "data.path",
                             "data.test_path",      "model.pretrained.path",
                             "train.out_of_memory", "train.capture",
                             "trainer.teacher",     "data.stored.root",
                             "data.stored.path",    "data.address",
                             "data.capacity",       "data.timeout"};
constexpr std::array kUnseen{"run.dir", "resume", "resume_override",
                             "task"};  // the keys that it sets are compared
constexpr std::array kFree{
    "train.epochs",  "train.max_steps", "checkpoint",    "loggers",          "dist",
    "run.log_every", "run.print_every", "run.heartbeat", "run.system_every", "train.metrics"};
constexpr std::array kOnlyLogged{"validation.every", "validation.metrics",
                                 "validation.subset"};  // mostly
constexpr char kBetweenPaths = '\0';                    // which no path has

constexpr std::array kOverridable{"optimizer", "scheduler", "plugins"};

bool is_or_is_in(const std::string& path, std::string_view section) {
  return path == section || (path.starts_with(section) &&
                             (path[section.size()] == '.' || path[section.size()] == '['));
}
template <class List>
bool in_any(const std::string& path, const List& sections) {
  return std::any_of(sections.begin(), sections.end(),
                     [&](const auto& section) { return is_or_is_in(path, section); });
}

bool is_place(const std::string& path) {
  return in_any(path, kPlaces) ||
         (path.starts_with("models.") && path.ends_with(".pretrained.path"));
}

bool is_checkpoint(const fs::path& path) {
  return kind_behind(path / kManifestFile) != PathKind::none;
}
bool is_run(const fs::path& path) {
  return kind_of(path / "config.yaml") != PathKind::none ||
         !checkpoints_in(path / "checkpoints").empty();
}
bool same_folder(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::equivalent(a, b, ignored);
}

std::shared_ptr<const CheckpointReader> opened(const fs::path& folder) {
  try {
    return std::make_shared<const CheckpointReader>(folder);
  } catch (const IoError& error) {
    throw IoError(
        fmt::format(
            "resume: the checkpoint {} cannot be read, and may be good ({}); try again when "
            "it can be read, or resume from another checkpoint into another run.dir",
            folder.string(), error.what()),
        error.code());
  }
}

// A copy of a run may hold the newest checkpoint under the name of the link alone.
void check_no_copied_link(const fs::path& place) {
  const fs::path last = place / "last";
  WEFT_CHECK(kind_of(last) != PathKind::folder || !is_checkpoint(last),
             "resume: {} has no step-N, but a folder {}; resume={} with another run.dir goes on "
             "from it",
             place.string(), last.string(), last.string());
}

// Returns the newest good checkpoint of the run, which saves in `target` from now on, and warns of
// the bad ones after it. Its earlier checkpoints may be elsewhere (checkpoint.dir has changed).
Resume newest_of(const fs::path& run, const fs::path& target) {
  Resume resume{.seen = checkpoints_in(target), .folder = run.string(), .run = run.string()};
  std::vector<std::pair<CheckpointName, fs::path>> found;
  for (const CheckpointName& name : resume.seen) found.emplace_back(name, target);
  const fs::path before = checkpoints_of(run);
  check_names("resume", target, resume.seen);
  if (!same_folder(before, target)) {
    const std::vector<CheckpointName> names = checkpoints_in(before);
    check_names("resume", before, names);
    for (const CheckpointName& name : names) found.emplace_back(name, before);
  }
  std::sort(found.begin(), found.end());
  if (found.empty()) check_no_copied_link(before);
  std::string reason;
  for (; !found.empty(); found.pop_back()) {
    const auto& [name, place] = found.back();
    try {
      resume.from = opened(place / name.text());
      if (place == target) resume.name = name;
      return resume;
    } catch (const IoError&) {
      throw;
    } catch (const std::exception& error) {
      reason = error.what();
      log_warning("resume: {} is refused: {}", name.text(), reason);
    }
  }
  WEFT_CHECK(reason.empty(),
             "resume: {} has no checkpoint that is good (the oldest: {}); another run.dir begins "
             "a new run",
             target.string(), reason);
  return resume;
}

Resume automatic(const RunConfig& config) {
  const std::string& dir = config.run.dir;
  WEFT_CHECK(!dir.empty(),
             "resume: auto is given without run.dir; the folder to go on in is required");
  if (!is_run(dir) && !(is_owned_by(config.checkpoint.dir, dir) &&
                        !checkpoints_in(config.checkpoint.dir).empty())) {
    log_info("resume: {} holds no run yet; the run begins", dir);
    return {};
  }
  Resume resume = newest_of(dir, place_to_save(dir, config.checkpoint.dir, true));
  if (!resume.from) log_info("resume: {} has no checkpoint yet; the run begins again", dir);
  return resume;
}

// Sets where the run of a checkpoint continues, if the checkpoint belongs to one.
void find_run_of(Resume& resume, const fs::path& checkpoint) {
  resume.run = checkpoint.parent_path().parent_path().string();
  const std::optional<fs::path> run = run_of_checkpoint(checkpoint);
  if (!run) return;
  resume.run = run->string();
  for (const CheckpointName& name : checkpoints_in(checkpoint.parent_path()))
    if (name.text() == checkpoint.filename().string()) resume.name = name;
  std::error_code error;
  resume.folder = fs::relative(*run, error).string();
  if (error || resume.folder.starts_with("..")) resume.folder = run->string();
}

Resume by_path(const RunConfig& config) {
  const fs::path path(config.resume.from);
  Resume resume;
  if (is_checkpoint(path)) {
    std::error_code error;
    fs::path folder = fs::canonical(path, error);  // last and best are links
    if (error) folder = path;
    check_name("resume", folder);
    resume.from = opened(folder);
    find_run_of(resume, folder);
  } else {
    WEFT_CHECK(is_run(path),
               "resume: {} is neither a checkpoint nor the folder of a run; never, auto or a path "
               "to one of them is required",
               config.resume.from);
    resume = newest_of(path, checkpoints_of(path));
    WEFT_CHECK(resume.from != nullptr, "resume: {} has no checkpoint; one is required",
               path.string());
  }
  const bool elsewhere = !config.run.dir.empty() && !same_folder(config.run.dir, resume.folder);
  if (elsewhere || resume.folder.empty()) {
    resume.folder.clear();
    resume.name = {};
    return resume;
  }
  const fs::path chosen = resume.from->folder();
  resume = newest_of(resume.folder, place_to_save(resume.folder, config.checkpoint.dir, true));
  WEFT_CHECK(resume.from != nullptr && same_folder(resume.from->folder(), chosen),
             "resume: {} is not the newest checkpoint of {}, which has {}; to go on from the older "
             "one, {}",
             path.string(), resume.folder,
             resume.from ? resume.from->folder().filename().string() : "none",
             config.data.name() == "stream"  // its records are in its folder
                 ? "the newer ones have to be moved away"
                 : "another run.dir is required");
  return resume;
}

// Entries of weft that do nothing with the result of a validation. Of others it is not known.
constexpr std::array kNotWatching{"constant",
                                  "cosine",
                                  "exponential",
                                  "linear",
                                  "multi_step",
                                  "one_cycle",
                                  "polynomial",
                                  "step",
                                  "standard",
                                  "distillation",
                                  "ema",
                                  "nan_report",
                                  "console",
                                  "gradient_monitor",  // callbacks
                                  "staged_unfreeze",
                                  "freeze_batch_norm",
                                  "progressive_resize"};
bool ignores_validation(std::string_view name) {
  return std::find(kNotWatching.begin(), kNotWatching.end(), name) != kNotWatching.end();
}
// Whether weights may depend on when and what the run validates.
bool watches_validation(const RunConfig& config) {
  const auto watches = [](const auto& recipe) {
    return recipe.enabled() && !ignores_validation(recipe.name());
  };
  return !ignores_validation(config.scheduler.recipe.name()) ||
         !ignores_validation(config.trainer.name()) ||
         std::any_of(config.callbacks.begin(), config.callbacks.end(), watches) ||
         std::any_of(config.strategy.begin(), config.strategy.end(), watches);
}

bool is_over(const CheckpointAbout& about, i64 max_steps) {
  if (about.ended != "train.max_steps") return !about.ended.empty();
  return max_steps > 0 && max_steps <= about.step;
}

}  // namespace

std::string text_of(const Resume& resume) {
  if (!resume.from) return "";
  std::error_code error;  // a rank may have another current folder
  const fs::path checkpoint = fs::absolute(resume.from->folder(), error);
  return (error ? resume.from->folder() : checkpoint).string() + kBetweenPaths + resume.folder +
         kBetweenPaths + resume.run + kBetweenPaths + (resume.over ? "over" : "");
}

Resume opened_resume(const std::string& text) {
  if (text.empty()) return {};
  std::vector<std::string> parts(1);
  for (const char c : text)
    if (c == kBetweenPaths) parts.emplace_back();
    else parts.back() += c;
  WEFT_ASSERT(parts.size() == 4, "resume: '{}' of rank 0", text);
  Resume resume{.folder = parts[1], .run = parts[2], .over = !parts[3].empty()};
  resume.from = opened(parts[0]);
  return resume;
}

Resume find_resume(const RunConfig& config) {
  if (config.resume.from == "never") return {};
  Resume resume = config.resume.from == "auto" ? automatic(config) : by_path(config);
  if (resume.from) {
    const std::string source = resume.from->file(kTrainerStateFile);
    check_changes(load_saved_text(resume.from->about().config, source), config);
    resume.over = is_over(resume.from->about(), config.train.max_steps);
  }
  return resume;
}

void check_changes(RunConfig before, RunConfig after) {
  for (RunConfig* config : {&before, &after}) {
    config->strategy = unchained(config->strategy);
    set_monitor_modes(section_ref(*config));
  }
  if (after.objective.by_data) after.objective.loss = before.objective.loss;
  for (const std::string& key : after.resume.override_keys)
    WEFT_CHECK(
        in_any(key, kOverridable),
        "resume_override: '{}' given; keys of optimizer or scheduler, or plugins, are required",
        key);
  const bool watched = watches_validation(before) || watches_validation(after);
  std::vector<std::string> refused, override;
  for (const config::Difference& d : config::differences(before, after)) {
    if (in_any(d.path, kUnseen)) continue;
    const auto text = [](const std::string& value) { return value.empty() ? "none" : value; };
    const std::string change = fmt::format("{}: {} -> {}", d.path, text(d.before), text(d.after));
    const bool named = std::any_of(after.resume.override_keys.begin(),
                                   after.resume.override_keys.end(), [&](const std::string& key) {
                                     return is_or_is_in(d.path, key) || glob_matches(key, d.path);
                                   });
    if (in_any(d.path, kFree) || is_place(d.path) || named ||
        (in_any(d.path, kOnlyLogged) && !watched)) {
      log_info("resume: {}", change);
      continue;
    }
    refused.push_back(change);
    if (in_any(d.path, kOverridable)) override.push_back(d.path);
  }
  WEFT_CHECK(
      refused.empty(),
      "resume: the config is not that of the checkpoint ({}); an equal key is required, except for "
      "train.epochs, train.max_steps, checkpoint, optimizer, scheduler and plugins where "
      "resume_override names the key{}, and the other keys that docs/checkpoints.md lists",
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
