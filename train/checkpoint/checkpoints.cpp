// SPDX-License-Identifier: Apache-2.0
#include "weft/train/checkpoint/checkpoints.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <system_error>

#include "weft/core/atomic_file.h"
#include "weft/core/files.h"
#include "weft/core/log.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/checkpoint/manifest.h"
#include "weft/train/checkpoint/own_files.h"

namespace weft::train {

namespace fs = std::filesystem;

namespace {

constexpr double kNoScore = std::numeric_limits<double>::quiet_NaN();
constexpr double kMega = 1e6;

// A save leaves .step-N.tmp if it is killed, .step-N.old if it is killed while an older checkpoint
// is removed, and the same for the links. Other hidden entries belong to someone else.
bool is_left_by_a_save(std::string_view name) {
  if (!name.starts_with('.')) return false;
  name.remove_prefix(1);
  for (const std::string_view end : {".tmp", ".old", ".new"}) {
    if (!name.ends_with(end)) continue;
    const std::string_view own = name.substr(0, name.size() - end.size());
    if (own == "last" || own == "best") return end != ".tmp";
    return end != ".new" && is_checkpoint_name(std::string(own));
  }
  return false;
}

}  // namespace

double score_of(const CheckpointOptions& options, const std::map<std::string, double>& metrics) {
  const auto found = metrics.find(options.monitor);
  if (found == metrics.end() || !std::isfinite(found->second)) return kNoScore;
  return options.mode == MonitorMode::max ? found->second : -found->second;
}

std::vector<ScoredCheckpoint> scored_checkpoints(const fs::path& folder,
                                                 const CheckpointOptions& options,
                                                 const CheckpointName& newest) {
  std::vector<ScoredCheckpoint> scored;
  for (const CheckpointName& name : checkpoints_in(folder)) {
    if (name > newest) continue;
    try {
      scored.push_back({name, score_of(options, metrics_of_checkpoint(folder / name.text()))});
    } catch (const Error& error) {
      log_warning("checkpoint: {} is passed over: {}", name.text(), error.what());
    }
  }
  return scored;
}

const ScoredCheckpoint& best_of(const std::vector<ScoredCheckpoint>& checkpoints) {
  const auto best = std::max_element(
      checkpoints.begin(), checkpoints.end(),
      [](const ScoredCheckpoint& a, const ScoredCheckpoint& b) {
        return std::isnan(b.score) ? false : std::isnan(a.score) || a.score < b.score;
      });
  return std::isnan(best->score) ? checkpoints.back() : *best;
}

bool verifies(const fs::path& folder, const CheckpointName& name) {
  try {
    verify_checkpoint(folder / name.text());
    return true;
  } catch (const Error& error) {
    log_warning("checkpoint: {} is left as it is and counts for nothing: {}", name.text(),
                error.what());
    return false;
  }
}

void check_space(const fs::path& folder, i64 bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error) return;                              // the file system does not report its free space
  constexpr double kManifestAndBlocks = 1 << 16;  // each file takes whole blocks
  const double wanted = static_cast<double>(bytes) * 1.01 + kManifestAndBlocks;
  const auto available = static_cast<double>(space.available);
  WEFT_CHECK(available >= wanted,
             "checkpoint: {} has {:.2f} MB free; {:.2f} MB are required for a checkpoint",
             folder.string(), available / kMega, wanted / kMega);
}

void describe(Fields& f, CheckpointOptions& o) {
  f("every", o.every, "how often to save, like 1ep or 200ba");
  f("keep_last", o.keep_last, "newest checkpoints to keep", at_least(1));
  f("keep_best", o.keep_best, "best checkpoints to keep besides", non_negative);
  f("monitor", o.monitor, "metric that says which is best");
  f("mode", o.mode, kMonitorModeHelp);
  f("dir", o.dir, "the folder of the checkpoints; empty: checkpoints in the run folder", is_path);
}

Checkpoints::Checkpoints(fs::path folder, const CheckpointOptions& options,
                         const CheckpointName& newest_good)
    : path_(std::move(folder)), options_(options) {
  make_folders("checkpoint", path_);
  folder_ = SameFolder(path_);
  for (const std::string& name : names_in(path_))
    if (is_left_by_a_save(name)) clear(path_ / name);
  saved_ = scored_checkpoints(path_, options_, newest_good);
  std::erase_if(saved_, [&](const ScoredCheckpoint& checkpoint) {
    return checkpoint.name != newest_good && !verifies(path_, checkpoint.name);
  });
  // A save that was killed after its rename has not done this.
  if (!saved_.empty()) link_and_retire();
  report_notes();
}

Checkpoints::~Checkpoints() {
  if (saving_.valid()) saving_.wait();
}

CheckpointName Checkpoints::save(Snapshot snapshot, i64 step,
                                 const std::map<std::string, double>& metrics) {
  wait_for_save();
  ScoredCheckpoint saved{{step, 1}, score_of(options_, metrics)};
  std::error_code error;  // what cannot be examined lets the rename fail, which is a warning
  while (fs::exists(fs::symlink_status(path_ / saved.name.text(), error))) ++saved.name.number;
  last_name_ = saved.name;
  const auto all = std::make_shared<const Snapshot>(std::move(snapshot));
  const auto write_all = [this, saved, all] { write(*all, saved); };
  try {
    saving_ = std::async(std::launch::async, write_all);
  } catch (const std::system_error&) {  // no thread can be created; the caller waits for the save
    saving_ = std::async(std::launch::deferred, write_all);
    saving_.wait();
  }
  return saved.name;
}

// Sets failure_.
void Checkpoints::end_save() {
  int code = EIO;
  std::string reason;
  try {
    saving_.get();
    failure_.reset();
    if (written_) written_(last_name_, path_ / last_name_.text());
    return;
  } catch (const IoError& error) {
    code = error.code();
    reason = error.what();
  } catch (const std::exception& error) {
    reason = error.what();
  }
  const std::optional<fs::path> good = newest_there();
  failure_.emplace(
      fmt::format("checkpoint: saving {} failed ({}); {}", last_name_.text(), reason,
                  good ? "the last good one is " + good->string() : "there is no good one"),
      code);
}

void Checkpoints::wait_for_save() {
  if (!saving_.valid()) return;
  end_save();
  if (failure_) log_warning("{}", failure_->what());
  report_notes();
}

void Checkpoints::report_notes() {
  for (const std::string& note : notes_) log_warning("{}", note);
  notes_.clear();
}

void Checkpoints::poll() {
  if (saving_.valid() && saving_.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
    wait_for_save();
}

void Checkpoints::finish() {
  if (saving_.valid()) end_save();
  report_notes();
  if (failure_) throw IoError(*failure_);
}

std::optional<fs::path> Checkpoints::newest_good() {
  wait_for_save();
  return newest_there();
}

// Someone may have removed what was saved.
std::optional<fs::path> Checkpoints::newest_there() const {
  for (auto saved = saved_.rbegin(); saved != saved_.rend(); ++saved) {
    fs::path folder = path_ / saved->name.text();
    std::error_code error;
    if (fs::exists(folder / kManifestFile, error) || error) return folder;
  }
  return std::nullopt;
}

void Checkpoints::write(const Snapshot& snapshot, const ScoredCheckpoint& saved) {
  const std::string name = saved.name.text();
  const fs::path temporary = path_ / ("." + name + ".tmp");
  std::error_code error;
  try {
    folder_.check();
    check_space(path_, snapshot.bytes());
    remove_own_files(temporary);
    for (const std::string& problem : snapshot.write(temporary))
      if (noted_logs_.insert(problem).second)
        notes_.push_back(
            fmt::format("metrics: {}; checkpoints are written all the same, but a "
                        "power failure may take lines of this file",
                        problem));
    fs::rename(temporary, path_ / name, error);
    if (error) throw IoError((path_ / name).string(), "made", error.value());
  } catch (...) {
    try {
      remove_own_files(temporary);
    } catch (const IoError&) {  // the next start tries again
    }
    throw;
  }
  sync_to_disk(path_.string());
  saved_.push_back(saved);
  link_and_retire();
}

// The checkpoint is good by now, so nothing here is a failed save.
void Checkpoints::link_and_retire() {
  try {
    link("last", saved_.back().name);
    link("best", best_of(saved_).name);
    sync_to_disk(path_.string());
    retire();
  } catch (const std::exception& error) {
    notes_.push_back(
        fmt::format("checkpoint: older checkpoints in {} stay: {}", path_.string(), error.what()));
  }
}

// Replaces the link atomically. Note [The links last and best]
void Checkpoints::link(const std::string& name, const CheckpointName& target) {
  const fs::path path = path_ / name, fresh = path_ / ("." + name + ".new");
  std::error_code error;
  if (fs::read_symlink(path, error) == target.text()) return;
  std::string problem = problem_in_place_of_link(path);
  if (problem.empty()) {
    if (kind_of(path) == PathKind::folder) remove(path);
    fs::remove(fresh, error);
    fs::create_directory_symlink(target.text(), fresh, error);
    if (!error) fs::rename(fresh, path, error);
    if (error) problem = error.message();
  }
  if (problem.empty() || noted_links_) return;
  noted_links_ = true;
  notes_.push_back(
      fmt::format("checkpoint: the link {} cannot be made ({}); weft does without it and finds "
                  "checkpoints by their names",
                  path.string(), problem));
}

// Why what has the name of the link has to stay; empty for a link, and for what a copy has made of
// it.
std::string Checkpoints::problem_in_place_of_link(const fs::path& path) const {
  const PathKind kind = kind_of(path);
  if (kind == PathKind::none || kind == PathKind::link) return "";
  if (kind != PathKind::folder) return "another file has its name";
  if (!is_copy_of_a_good_one(path)) return "a folder has its name and is no copy of a good one";
  if (!holds_only_own_files(path)) return "a folder has its name and holds other files too";
  return "";
}

bool Checkpoints::is_copy_of_a_good_one(const fs::path& path) const {
  constexpr i64 kLargest = 1 << 20;
  try {
    const std::string manifest = read_file(path / kManifestFile, kLargest);
    for (const ScoredCheckpoint& saved : saved_) {
      const fs::path original = path_ / saved.name.text();
      if (read_file(original / kManifestFile, kLargest) != manifest) continue;
      verify_checkpoint(original);
      return true;
    }
  } catch (const Error&) {  // then it may be the only good one
  }
  return false;
}

// Keeps the newest and the best checkpoints and removes all others. The newest is verified by now.
void Checkpoints::retire() {
  std::vector<ScoredCheckpoint> by_score = saved_;
  std::erase_if(by_score, [](const ScoredCheckpoint& s) { return std::isnan(s.score); });
  std::stable_sort(
      by_score.begin(), by_score.end(),
      [](const ScoredCheckpoint& a, const ScoredCheckpoint& b) { return a.score > b.score; });
  by_score.resize(std::min(by_score.size(), static_cast<std::size_t>(options_.keep_best)));
  const std::size_t newest =
      saved_.size() - std::min(saved_.size(), static_cast<std::size_t>(options_.keep_last));
  const CheckpointName best = best_of(saved_).name;
  std::vector<ScoredCheckpoint> kept;
  for (std::size_t i = 0; i < saved_.size(); ++i) {
    const bool good = std::any_of(by_score.begin(), by_score.end(), [&](const ScoredCheckpoint& s) {
      return s.name == saved_[i].name;
    });
    if (i >= newest || good || best == saved_[i].name) kept.push_back(saved_[i]);
    else remove(path_ / saved_[i].name.text());
  }
  saved_ = std::move(kept);
}

// Hides the folder first, so that a partly removed checkpoint is never seen under its name.
void Checkpoints::remove(const fs::path& path) {
  const fs::path hidden = path.parent_path() / ("." + path.filename().string() + ".old");
  std::error_code error;
  fs::rename(path, hidden, error);
  if (!error) clear(hidden);
  else
    notes_.push_back(fmt::format("checkpoint: {} is no longer needed and cannot be removed: {}",
                                 path.string(), error.message()));
}

// Removes weft's files in a hidden folder. What else it holds gets back the name that it had.
void Checkpoints::clear(const fs::path& hidden) {
  fs::path left = hidden;
  try {
    if (remove_own_files(hidden)) return;
    const std::string name = hidden.filename().string();
    const fs::path before = path_ / name.substr(1, name.rfind('.') - 1);
    if (name.ends_with(".old") && kind_of(before) == PathKind::none) {
      std::error_code error;
      fs::rename(hidden, before, error);
      if (!error) left = before;
    }
    notes_.push_back(fmt::format("checkpoint: {} holds files of something else, which stay there",
                                 left.string()));
  } catch (const IoError& error) {
    notes_.push_back(fmt::format("checkpoint: {} is no longer needed and cannot be removed: {}",
                                 hidden.string(), error.what()));
  }
}

}  // namespace weft::train
