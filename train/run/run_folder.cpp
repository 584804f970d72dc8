// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/run_folder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weft/core/atomic_file.h"
#include "weft/core/files.h"
#include "weft/core/log.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/checkpoint/manifest.h"
#include "weft/train/run/checkpoint_place.h"

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

void make_folder(const fs::path& path) { make_folders("run.dir", path); }

// Replaces a link atomically. On a file system without links, nothing is made.
void point(const fs::path& link, const fs::path& target) {
  std::error_code ignored;
  const fs::path fresh = link.string() + ".new";
  fs::remove(fresh, ignored);
  fs::create_symlink(target, fresh, ignored);
  if (!ignored) fs::rename(fresh, link, ignored);
}

constexpr const char* kLatest = "runs/latest";

// Two runs that begin in the same second get different folders: making the folder decides.
fs::path made_unused(const fs::path& wanted) {
  make_folder(wanted.parent_path());
  for (int suffix = 1;; ++suffix) {
    fs::path path = wanted;
    if (suffix > 1) path += "-" + std::to_string(suffix);
    if (mkdir(path.c_str(), 0777) == 0) return path;
    if (errno != EEXIST) throw IoError(path.string(), "made", errno);
  }
}

constexpr std::array<const char*, 7> kFiles{"config.yaml", "overrides.txt", "environment.json",
                                            "log.txt",     "metrics.jsonl", "metrics.csv",
                                            ".lock"};

// A run that was killed before its config.yaml leaves these.
bool is_left_by_a_start(std::string_view name) {
  return name == ".lock" || name.starts_with("config.yaml.tmp-");
}

void check_no_run(const fs::path& path) {
  WEFT_CHECK(kind_of(path / "config.yaml") == PathKind::none,
             "run.dir: {} holds a run already; resume=auto goes on with it, and another run.dir "
             "begins a new one",
             path.string());
  const std::vector<std::string> names = names_in(path);
  const auto foreign = std::find_if_not(names.begin(), names.end(), is_left_by_a_start);
  WEFT_CHECK(foreign == names.end(),
             "run.dir: {} holds files of something else ({}); an empty or new folder is required: "
             "move them away, or give another run.dir",
             path.string(), *foreign);
}

// A file of a run folder, open for writing. It neither follows a link nor waits for a pipe.
class RunFile {
 public:
  RunFile(const fs::path& path, int flags) : path_(path.string()) {
    constexpr int kAlways = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    file_ = ::open(path.c_str(), flags | kAlways, 0666);
    struct stat about {};
    if (file_ < 0 || fstat(file_, &about) != 0) fail_with("opened", errno);
    size_ = about.st_size;
    if (!S_ISREG(about.st_mode)) fail_with("used, because it is no file", EINVAL);
  }
  ~RunFile() {
    if (file_ >= 0) close(file_);
  }
  RunFile(const RunFile&) = delete;
  RunFile& operator=(const RunFile&) = delete;

  i64 size() const { return size_; }
  void cut(i64 bytes) {
    if (ftruncate(file_, bytes) != 0) fail_with("cut", errno);
  }
  void append(std::string text) {
    char last = '\n';  // a line that a kill has cut off is not continued
    if (size_ > 0 && pread(file_, &last, 1, size_ - 1) == 1 && last != '\n')
      text.insert(0, 1, '\n');
    if (const int code = append_or_cut(file_, text, size_); code != 0) fail_with("written", code);
  }

 private:
  [[noreturn]] void fail_with(const char* action, int code) {
    if (file_ >= 0) close(std::exchange(file_, -1));
    throw IoError(path_, action, code);
  }

  std::string path_;
  int file_ = -1;
  i64 size_ = 0;
};

}  // namespace

RunFolder RunFolder::create(const std::string& dir, const std::string& name) {
  if (dir.empty()) {
    const fs::path path = made_unused(fs::path("runs") / name / now_as_name());
    RunFolder folder(path);
    folder.made_ = true;
    folder.lock();
    std::error_code none;
    folder.latest_before_ = fs::read_symlink(kLatest, none);
    point(kLatest, fs::path(name) / path.filename());
    folder.began_ = true;
    return folder;
  }
  const fs::path path(dir);
  const PathKind kind = kind_behind(path);
  WEFT_CHECK(kind == PathKind::none || kind == PathKind::folder,
             "run.dir: {} is a file; a folder is required", path.string());
  check_no_run(path);
  make_folder(path);
  RunFolder folder(path);
  folder.made_ = kind == PathKind::none;
  folder.lock();
  check_no_run(path);  // another process may have begun one before the lock
  folder.began_ = true;
  return folder;
}

RunFolder RunFolder::reuse(const std::string& dir) {
  make_folder(dir);
  for (const char* name : kFiles) {
    const PathKind kind = kind_of(fs::path(dir) / name);
    WEFT_CHECK(kind == PathKind::none || kind == PathKind::file,
               "run.dir: {} is {}; a file is required", (fs::path(dir) / name).string(),
               kind == PathKind::link ? "a link, which is not followed" : "no file");
  }
  RunFolder folder{fs::path(dir)};
  folder.lock();
  return folder;
}

void RunFolder::discard() {
  if (!std::exchange(began_, false)) return;
  writes_ = false;
  std::error_code stays;  // what cannot be removed, or is of something else
  try {
    same_.check();
    for (const std::string& name : names_in(path_)) {
      const bool own =
          std::find(kFiles.begin(), kFiles.end(), name) != kFiles.end() || is_left_by_a_start(name);
      if (own && kind_of(path_ / name) == PathKind::file) fs::remove(path_ / name, stays);
    }
    for (const std::string& name : names_in(path_ / "tensorboard"))
      if (name.starts_with("events.out.tfevents.") && name.ends_with(".weft"))
        fs::remove(path_ / "tensorboard" / name, stays);
    for (const char* name : {"checkpoints", "tensorboard"})
      if (kind_of(path_ / name) == PathKind::folder) fs::remove(path_ / name, stays);  // if empty
    if (made_) fs::remove(path_, stays);
    if (!latest_before_.empty()) point(kLatest, latest_before_);
  } catch (const Error&) {  // the reason why the run does not begin is on its way
  }
}

RunFolder RunFolder::of_another_process(const std::string& dir) {
  RunFolder folder{fs::path(dir)};
  folder.writes_ = false;
  return folder;
}

// The operating system releases a lock when its process ends for any reason. On a file system
// without locks, nothing is locked, and a warning says so.
void RunFolder::lock() {
  same_ = SameFolder(path_);
  const std::string name = (path_ / ".lock").string();
  const auto warn = [&](const char* action, int code) {
    log_warning(
        "run.dir: {} cannot be {} ({}); another process that writes to this folder is not "
        "noticed",
        name, action, std::generic_category().message(code));
  };
  const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (file < 0) return warn("opened", errno);
  lock_ = std::shared_ptr<const void>(new int(file), [](const void* held) {
    close(*static_cast<const int*>(held));
    delete static_cast<const int*>(held);
  });
  const int code = flock(file, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  const bool taken = code == EWOULDBLOCK;
  if (code != 0 && !taken) warn("locked", code);
  WEFT_CHECK(!taken, "run.dir: {} is being written by another process; one at a time is required",
             path_.string());
}

RunFolder RunFolder::open(const std::string& dir) {
  const fs::path path(dir);
  WEFT_CHECK(kind_behind(path) == PathKind::folder,
             "run: {} is not a folder; the folder of a run is required", dir);
  const PathKind config = kind_of(path / "config.yaml");
  WEFT_CHECK(config != PathKind::none,
             "run: {} has no config.yaml; the folder of a run is required", dir);
  WEFT_CHECK(config == PathKind::file, "run: {} is {}; a file is required",
             (path / "config.yaml").string(),
             config == PathKind::link ? "a link, which is not followed" : "no file");
  return RunFolder(path);
}

fs::path RunFolder::weights(const std::string& checkpoint, const std::string& weights) const {
  const fs::path folder = find_checkpoint(path_, checkpoint);
  fs::path wanted = folder / weights_file(weights);
  const PathKind kind = kind_of(wanted);
  WEFT_CHECK(kind != PathKind::none || weights == "model",
             "weights: '{}' given, and the checkpoint {} has no {}; model, or a run that has saved "
             "such weights (callbacks: [ema]), is required",
             weights, folder.string(), weights_file(weights));
  WEFT_CHECK(kind == PathKind::file, "run: {} {}; a file is required", wanted.string(),
             kind == PathKind::none   ? "is missing"
             : kind == PathKind::link ? "is a link, which is not followed"
                                      : "is no file");
  return wanted;
}

void RunFolder::write(const std::string& name, const std::string& text) const {
  if (!writes_) return;
  same_.check();
  write_file_atomically((path_ / name).string(), text);
}

i64 RunFolder::size(const std::string& name) const {
  std::error_code error;
  const auto bytes = fs::file_size(path_ / name, error);
  return error ? 0 : static_cast<i64>(bytes);
}

void RunFolder::cut(const std::string& name, i64 bytes) const {
  if (!writes_) return;
  const fs::path path = path_ / name;
  if (kind_of(path) == PathKind::none) return;
  if (bytes > 0) return RunFile(path, O_WRONLY).cut(bytes);
  if (unlink(path.c_str()) != 0) throw IoError(path.string(), "removed", errno);
}

std::string RunFolder::keep_aside(const std::string& name) const {
  for (int number = 1;; ++number) {
    std::string kept = name + ".before-" + std::to_string(number);
    if (kind_of(path_ / kept) != PathKind::none) continue;
    if (writes_ && rename((path_ / name).c_str(), (path_ / kept).c_str()) != 0)
      throw IoError((path_ / name).string(), "renamed", errno);
    return kept;
  }
}

void check_output(const std::string& file) {
  std::error_code error;
  const fs::path real = fs::weakly_canonical(file, error);
  if (error) return;  // opening it says what is wrong
  const fs::path folder = real.parent_path();
  const auto has = [&](const char* name) { return kind_of(folder / name) != PathKind::none; };
  WEFT_CHECK(!has(kManifestFile) || !has(kTrainerStateFile),
             "output: {} lies in the checkpoint {}; a file elsewhere is required", file,
             folder.string());
  const bool of_a_run = std::find(kFiles.begin(), kFiles.end(), real.filename()) != kFiles.end();
  WEFT_CHECK(!of_a_run || !has("config.yaml"),
             "output: {} is a file of the run {}; another name is required", file, folder.string());
}

void RunFolder::append(const std::string& name, const std::string& line) const {
  if (!writes_) return;
  same_.check();
  RunFile(path_ / name, O_RDWR | O_APPEND | O_CREAT).append(line + "\n");
}

}  // namespace weft::train
