// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/run_folder.h"

#include <cerrno>
#include <ctime>
#include <fstream>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "weft/core/atomic_file.h"
#include "weft/core/error.h"
#include "weft/train/checkpoint/checkpoint_reader.h"

namespace weft::train {

namespace fs = std::filesystem;

namespace {

std::string now_as_name() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d-%H%M%S", &local);
  return text;
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  WEFT_CHECK(!error, "run.dir: {} cannot be made ({}); a folder that can be written is required",
             path.string(), error.message());
}

// Replaces a link atomically. On a file system without links, nothing is made.
void point(const fs::path& link, const fs::path& target) {
  std::error_code ignored;
  const fs::path fresh = link.string() + ".new";
  fs::remove(fresh, ignored);
  fs::create_symlink(target, fresh, ignored);
  if (!ignored) fs::rename(fresh, link, ignored);
}

// Two runs that begin in the same second get different folders.
fs::path unused(const fs::path& wanted) {
  fs::path path = wanted;
  for (int suffix = 2; fs::exists(path); ++suffix)
    path = wanted.string() + "-" + std::to_string(suffix);
  return path;
}

}  // namespace

RunFolder RunFolder::create(const std::string& dir, const std::string& name) {
  if (dir.empty()) {
    const fs::path path = unused(fs::path("runs") / name / now_as_name());
    make_folder(path);
    point("runs/latest", fs::path(name) / path.filename());
    RunFolder folder(path);
    folder.lock();
    return folder;
  }
  const fs::path path(dir);
  WEFT_CHECK(!fs::exists(path / "config.yaml"),
             "run.dir: {} holds a run already; resume=auto goes on with it, and another run.dir "
             "begins a new one",
             path.string());
  WEFT_CHECK(!fs::exists(path) || fs::is_directory(path),
             "run.dir: {} is a file; a folder is required", path.string());
  make_folder(path);
  RunFolder folder(path);
  folder.lock();
  return folder;
}

RunFolder RunFolder::reuse(const std::string& dir) {
  make_folder(dir);
  RunFolder folder{fs::path(dir)};
  folder.lock();
  return folder;
}

// The operating system releases a lock when its process ends for any reason. On a file system
// without locks, nothing is locked.
void RunFolder::lock() {
  const std::string name = (path_ / ".lock").string();
  const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) return;
  lock_ = std::shared_ptr<const void>(new int(file), [](const void* held) {
    close(*static_cast<const int*>(held));
    delete static_cast<const int*>(held);
  });
  const bool taken = flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  WEFT_CHECK(!taken, "run.dir: {} is being written by another process; one at a time is required",
             path_.string());
}

RunFolder RunFolder::open(const std::string& dir) {
  const fs::path path(dir);
  WEFT_CHECK(fs::is_directory(path), "run: {} is not a folder; the folder of a run is required",
             dir);
  WEFT_CHECK(fs::exists(path / "config.yaml"),
             "run: {} has no config.yaml; the folder of a run is required", dir);
  return RunFolder(path);
}

fs::path RunFolder::weights(const std::string& checkpoint, const std::string& weights) const {
  const fs::path checkpoints = path_ / "checkpoints";
  if (fs::exists(checkpoints / checkpoint / kModelFile)) {
    fs::path wanted = checkpoints / checkpoint / weights_file(weights);
    WEFT_CHECK(fs::exists(wanted),
               "weights: '{}' given, and the checkpoint {} has no {}; model, or a run that has "
               "saved such weights (callbacks: [ema]), is required",
               weights, (checkpoints / checkpoint).string(), weights_file(weights));
    return wanted;
  }
  std::string known;
  if (fs::is_directory(checkpoints))
    for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints))
      if (!entry.path().filename().string().starts_with("."))
        known += (known.empty() ? "" : ", ") + entry.path().filename().string();
  fail("run: {} has no checkpoint '{}'; it has {}", path_.string(), checkpoint,
       known.empty() ? "none" : known);
}

void RunFolder::write(const std::string& name, const std::string& text) const {
  write_file_atomically((path_ / name).string(), text);
}

i64 RunFolder::size(const std::string& name) const {
  std::error_code error;
  const auto bytes = fs::file_size(path_ / name, error);
  return error ? 0 : static_cast<i64>(bytes);
}

void RunFolder::cut(const std::string& name, i64 bytes) const {
  WEFT_CHECK(size(name) >= bytes,
             "resume: {} has {} bytes; the {} that belong to the checkpoint are required",
             (path_ / name).string(), size(name), bytes);
  std::error_code error;
  if (bytes == 0) fs::remove(path_ / name, error);
  else fs::resize_file(path_ / name, static_cast<std::uintmax_t>(bytes), error);
  WEFT_CHECK(!error,
             "resume: {} cannot be cut to {} bytes ({}); a file that can be written is required",
             (path_ / name).string(), bytes, error.message());
}

void RunFolder::append(const std::string& name, const std::string& line) const {
  std::ofstream file(path_ / name, std::ios::binary | std::ios::app);
  file << line << '\n';
  file.flush();
  if (!file)
    throw InternalError(
        fmt::format("{}: cannot be written; is the disk full?", (path_ / name).string()));
}

}  // namespace weft::train
