// SPDX-License-Identifier: Apache-2.0
#include "weft/train/loggers/event_files.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <exception>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weft/core/atomic_file.h"
#include "weft/core/files.h"
#include "weft/core/log.h"
#include "weft/train/loggers/summary_event.h"
#include "weft/train/loggers/tfrecord.h"

namespace weft::train {

namespace fs = std::filesystem;

namespace {

constexpr const char* kEventFolder = "tensorboard";
constexpr i64 kLargestEventFile = i64{1} << 30;

// events.out.tfevents.SECONDS.weft, which sorts by time.
constexpr std::string_view kEventPrefix = "events.out.tfevents.", kEventSuffix = ".weft";

bool is_event_file(std::string_view name) {
  if (!name.starts_with(kEventPrefix) || !name.ends_with(kEventSuffix)) return false;
  const std::string_view middle = name.substr(kEventPrefix.size());
  return std::all_of(middle.begin(), middle.end() - std::ssize(kEventSuffix),
                     [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

std::vector<std::string> event_files_in(const fs::path& folder) {
  std::vector<std::string> names = names_in(folder);
  names.erase(std::remove_if(names.begin(), names.end(),
                             [](const std::string& name) { return !is_event_file(name); }),
              names.end());
  return names;
}

// The bytes of the whole records among the first `bytes` of a file.
std::string whole_part(const fs::path& path, i64 bytes) {
  std::string text = read_file(path, kLargestEventFile);
  if (static_cast<i64>(text.size()) > bytes) text.resize(static_cast<std::size_t>(bytes));
  text.resize(whole_tfrecords(text));
  return text;
}

void cut_event_file(const fs::path& path, i64 bytes) {
  if (kind_of(path) != PathKind::file) return;
  const i64 whole = std::ssize(whole_part(path, bytes));
  if (static_cast<i64>(fs::file_size(path)) > whole && truncate(path.c_str(), whole) != 0)
    throw IoError(path.string(), "cut", errno);
}

}  // namespace

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

EventFiles::~EventFiles() {
  if (file_ >= 0) close(file_);
}

void EventFiles::begin(const LoggedRun& run) {
  folder_ = run.folder.path() / kEventFolder;
  const PathKind kind = kind_of(folder_);
  WEFT_CHECK(kind == PathKind::none || kind == PathKind::folder, "{} is {}; a folder is required",
             folder_.string(), kind == PathKind::link ? "a link, which is not followed" : "a file");
  make_folders("tensorboard", folder_);
  if (run.resumed_at == nullptr) {
    sizes_.clear();
  } else {
    try {
      restore(run);
    } catch (const std::exception& error) {
      log_warning("resume: {} is not cut to the checkpoint: {}", folder_.string(), error.what());
    }
  }
  open_next();
  append(file_version_event(wall_time()));
  append(
      session_start_event(wall_time(), run.resumed_at == nullptr ? 0 : run.resumed_at->step + 1));
}

// Note [Points of a resumed run]. A checkpoint without the state of this logger says nothing about
// the files.
void EventFiles::restore(const LoggedRun& run) {
  for (auto saved = sizes_.begin(); saved != sizes_.end();)
    saved = is_event_file(saved->first) ? std::next(saved) : sizes_.erase(saved);
  if (!run.before.empty()) {
    for (const auto& [name, bytes] : sizes_)
      if (const fs::path source = run.before / kEventFolder / name;
          kind_of(source) == PathKind::file)
        write_file_atomically((folder_ / name).string(), whole_part(source, bytes));
    return;
  }
  for (const std::string& name : event_files_in(folder_)) {
    const auto saved = sizes_.find(name);
    if (sizes_.empty()) {
      cut_event_file(folder_ / name, kLargestEventFile);
    } else if (saved != sizes_.end()) {
      cut_event_file(folder_ / name, saved->second);
    } else if (unlink((folder_ / name).c_str()) != 0) {
      throw IoError((folder_ / name).string(), "removed", errno);
    }
  }
}

// TensorBoard reads the files in the order of their names. The clock may have been ahead, or two
// processes begin within a second.
void EventFiles::open_next() {
  constexpr i64 kMostSeconds = 9'999'999'999;
  const std::vector<std::string> names = event_files_in(folder_);
  i64 seconds = static_cast<i64>(wall_time()), last = 0;
  if (!names.empty()) {
    const std::string& name = names.back();
    std::from_chars(name.data() + kEventPrefix.size(), name.data() + name.size(), last);
    if (last < kMostSeconds) seconds = std::max(seconds, last + 1);
  }
  name_ = fmt::format("{}{:010}{}", kEventPrefix, seconds, kEventSuffix);
  const fs::path path = folder_ / name_;
  if (file_ >= 0) close(file_);
  file_ =
      ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (file_ < 0) throw IoError(path.string(), "made", errno);
  sizes_[name_] = 0;
}

void EventFiles::append(std::string_view event) {
  if (file_ < 0) return;
  const std::string record = tfrecord(event);
  i64& size = sizes_[name_];
  if (const int code = append_or_cut(file_, record, size); code != 0)
    throw IoError((folder_ / name_).string(), "written", code);
  size += std::ssize(record);
}

void EventFiles::state(State& s) {
  constexpr double kMostBytes = 0x1p50;
  s.within("files", sizes_, 0, kMostBytes);
}

}  // namespace weft::train
