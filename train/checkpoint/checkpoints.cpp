// SPDX-License-Identifier: Apache-2.0
#include "weft/train/checkpoint/checkpoints.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "weft/core/atomic_file.h"
#include "weft/core/log.h"
#include "weft/train/checkpoint/checkpoint_reader.h"

namespace weft::train {

namespace fs = std::filesystem;

namespace {

constexpr double kNoScore = std::numeric_limits<double>::quiet_NaN();
constexpr double kMega = 1e6;

// The number in a name, or −1.
i64 number_in(std::string_view text) {
  if (text.empty() || text.size() > 15 || (text.size() > 1 && text[0] == '0') ||
      text.find_first_not_of("0123456789") != text.npos)
    return -1;
  return std::stoll(std::string(text));
}

CheckpointName name_of_folder(const std::string& text) {
  if (!text.starts_with("step-")) return {};
  const std::string_view rest = std::string_view(text).substr(5);
  const std::size_t dash = rest.find('-');
  if (dash == rest.npos) return {number_in(rest), 1};
  const i64 number = number_in(rest.substr(dash + 1));
  return {number < 2 ? -1 : number_in(rest.substr(0, dash)), number};
}

}  // namespace

std::string CheckpointName::text() const {
  return number == 1 ? fmt::format("step-{}", step) : fmt::format("step-{}-{}", step, number);
}

std::vector<CheckpointName> checkpoints_in(const fs::path& folder) {
  std::vector<CheckpointName> names;
  if (!fs::is_directory(folder)) return names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const CheckpointName name = name_of_folder(entry.path().filename().string());
    if (name.step >= 0 && entry.is_directory() && !entry.is_symlink()) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void check_space(const fs::path& folder, i64 bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error) return;  // the file system does not report its free space
  const double wanted = static_cast<double>(bytes) * 1.05 + kMega;
  const auto available = static_cast<double>(space.available);
  WEFT_CHECK(available >= wanted,
             "checkpoint: {} has {:.1f} MB free; {:.1f} MB are required for a checkpoint",
             folder.string(), available / kMega, wanted / kMega);
}

void describe(Fields& f, CheckpointOptions& o) {
  f("every", o.every, "how often to save, like 1ep or 200ba");
  f("keep_last", o.keep_last, "newest checkpoints to keep", at_least(1));
  f("keep_best", o.keep_best, "best checkpoints to keep besides", non_negative);
  f("monitor", o.monitor, "metric that says which is best");
  f("mode", o.mode, kMonitorModeHelp);
}

Checkpoints::Checkpoints(fs::path folder, const CheckpointOptions& options,
                         const CheckpointName& newest_good)
    : path_(std::move(folder)), options_(options) {
  std::error_code error;
  fs::create_directories(path_, error);
  WEFT_CHECK(!error, "checkpoint: {} cannot be made ({}); a folder that can be written is required",
             path_.string(), error.message());
  std::vector<fs::path> left;
  for (const fs::directory_entry& entry : fs::directory_iterator(path_))
    if (entry.path().filename().string().starts_with(".")) left.push_back(entry.path());
  for (const fs::path& path : left) fs::remove_all(path, error);
  for (const CheckpointName& name : checkpoints_in(path_)) {
    if (name > newest_good) continue;
    const auto metrics = metrics_of_checkpoint(path_ / name.text());
    if (metrics) saved_.push_back({name, score_of(options_, *metrics)});
  }
  if (saved_.empty()) return;
  // A save that was killed after its rename has not done these.
  try {
    link("last", saved_.back().name.text());
    link_best();
    retire();
  } catch (const std::exception& e) {
    log_warning("checkpoint: the links in {} cannot be moved: {}", path_.string(), e.what());
  }
}

Checkpoints::~Checkpoints() {
  if (saving_.valid()) saving_.wait();
}

double score_of(const CheckpointOptions& options, const std::map<std::string, double>& metrics) {
  const auto found = metrics.find(options.monitor);
  if (found == metrics.end() || !std::isfinite(found->second)) return kNoScore;
  return options.mode == MonitorMode::max ? found->second : -found->second;
}

CheckpointName Checkpoints::save(Snapshot snapshot, i64 step,
                                 const std::map<std::string, double>& metrics) {
  settle();
  Saved saved{{step, 1}, score_of(options_, metrics)};
  while (fs::exists(fs::symlink_status(path_ / saved.name.text()))) ++saved.name.number;
  last_name_ = saved.name;
  saving_ = std::async(std::launch::async,
                       [this, saved, all = std::move(snapshot)] { write(all, saved); });
  return saved.name;
}

void Checkpoints::settle() {
  if (!saving_.valid()) return;
  try {
    saving_.get();
    failure_.clear();
  } catch (const std::exception& error) {
    failure_ = fmt::format("checkpoint: saving {} failed ({}); the last good one is {}",
                           last_name_.text(), error.what(),
                           saved_.empty() ? "none" : (path_ / saved_.back().name.text()).string());
    log_warning("{}", failure_);
  }
  for (const std::string& note : notes_) log_warning("{}", note);
  notes_.clear();
}

void Checkpoints::poll() {
  if (saving_.valid() && saving_.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
    settle();
}

void Checkpoints::finish() {
  settle();
  if (!failure_.empty()) throw InternalError(failure_);
}

bool Checkpoints::any_good() {
  settle();
  return !saved_.empty();
}

void Checkpoints::write(const Snapshot& snapshot, const Saved& saved) {
  const std::string name = saved.name.text();
  const fs::path temporary = path_ / ("." + name + ".tmp");
  try {
    check_space(path_, snapshot.bytes());
    fs::remove_all(temporary);
    snapshot.write(temporary);
    fs::rename(temporary, path_ / name);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
  sync_to_disk(path_.string());
  saved_.push_back(saved);
  link("last", name);  // if this fails, older checkpoints stay, and the link leads to one
  link_best();
  sync_to_disk(path_.string());
  retire();
}

void Checkpoints::link_best() const {
  const auto best =
      std::max_element(saved_.begin(), saved_.end(), [](const Saved& a, const Saved& b) {
        return std::isnan(b.score) ? false : std::isnan(a.score) || a.score < b.score;
      });
  // Without scores, the newest checkpoint is the best.
  link("best", (std::isnan(best->score) ? saved_.back() : *best).name.text());
}

// Replaces the link atomically.
void Checkpoints::link(const std::string& name, const std::string& target) const {
  std::error_code error;
  if (fs::read_symlink(path_ / name, error) == target) return;
  const fs::path fresh = path_ / ("." + name + ".new");
  fs::remove(fresh);
  fs::create_directory_symlink(target, fresh);
  fs::rename(fresh, path_ / name);
}

// Keeps the newest and the best checkpoints and removes all others. The newest is verified and
// linked by now.
void Checkpoints::retire() {
  std::vector<Saved> by_score = saved_;
  std::erase_if(by_score, [](const Saved& s) { return std::isnan(s.score); });
  std::stable_sort(by_score.begin(), by_score.end(),
                   [](const Saved& a, const Saved& b) { return a.score > b.score; });
  by_score.resize(std::min(by_score.size(), static_cast<std::size_t>(options_.keep_best)));
  const std::size_t newest =
      saved_.size() - std::min(saved_.size(), static_cast<std::size_t>(options_.keep_last));
  const fs::path best = fs::read_symlink(path_ / "best");
  std::vector<Saved> kept;
  for (std::size_t i = 0; i < saved_.size(); ++i) {
    const bool good = std::any_of(by_score.begin(), by_score.end(),
                                  [&](const Saved& s) { return s.name == saved_[i].name; });
    if (i >= newest || good || best == saved_[i].name.text()) kept.push_back(saved_[i]);
    else remove(path_ / saved_[i].name.text());
  }
  saved_ = std::move(kept);
}

// Hides the folder first, so that a partly removed checkpoint is never seen under its name.
void Checkpoints::remove(const fs::path& path) {
  const fs::path hidden = path.parent_path() / ("." + path.filename().string() + ".old");
  std::error_code error;
  fs::rename(path, hidden, error);
  if (!error) fs::remove_all(hidden, error);
  if (error)
    notes_.push_back(fmt::format("checkpoint: {} is no longer needed and cannot be removed: {}",
                                 path.string(), error.message()));
}

}  // namespace weft::train
