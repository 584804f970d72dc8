// SPDX-License-Identifier: Apache-2.0
#include "weft/core/atomic_file.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weft/core/error.h"
#include "weft/core/files.h"
#include "weft/core/sha256.h"

namespace weft {
namespace {

std::string reason(int code) { return std::generic_category().message(code); }

// The name is unique among the processes and threads that write the same file.
std::string temporary_name(const std::string& path) {
  static std::atomic<u64> count{0};
  return fmt::format("{}.tmp-{}-{}", path, getpid(), count++);
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// The file that a chain of links leads to, which need not exist.
std::string behind_links(std::string path) {
  constexpr int kMostLinks = 40;  // as in Linux
  for (int i = 0; i < kMostLinks; ++i) {
    std::error_code no_link;
    const std::string target = std::filesystem::read_symlink(path, no_link).string();
    if (no_link) break;
    path = target.starts_with('/') ? target : folder_of(path) + "/" + target;
  }
  return path;
}

// False for a device, a pipe or a socket, and for a file that its link does not name: a deleted
// one in /proc/self/fd.
bool can_be_replaced(const std::string& path, const std::string& target) {
  struct stat named {
  }, found{};
  if (stat(path.c_str(), &named) != 0) return true;
  return S_ISREG(named.st_mode) && stat(target.c_str(), &found) == 0 &&
         named.st_dev == found.st_dev && named.st_ino == found.st_ino;
}

// Returns the descriptor, or −1 and errno. A pipe waits a while for its reader, which may only just
// have been started; open() itself would wait for ever.
int opened_in_place(const std::string& path) {
  constexpr auto kPatience = std::chrono::seconds(5);
  constexpr auto kPause = std::chrono::milliseconds(10);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  int file = -1;
  for (;;) {
    file = open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file >= 0 || errno != ENXIO || std::chrono::steady_clock::now() >= end) break;
    std::this_thread::sleep_for(kPause);
    errno = ENXIO;
  }
  if (file >= 0)
    if (const int flags = fcntl(file, F_GETFL); flags >= 0)
      fcntl(file, F_SETFL, flags & ~O_NONBLOCK);  // writes may wait
  return file;
}

}  // namespace

AtomicFile::AtomicFile(std::string path, Sha256* hash, NamedBy named_by)
    : path_(std::move(path)), target_(path_), hash_(hash) {
  struct stat info {};
  const bool exists = stat(path_.c_str(), &info) == 0;
  WEFT_CHECK(!exists || !S_ISDIR(info.st_mode),
             "write: {} is a folder; the name of a file is required", path_);
  if (named_by == NamedBy::user) {
    target_ = behind_links(path_);
    if (!can_be_replaced(path_, target_)) {
      file_ = opened_in_place(path_);
      const int code = errno;
      WEFT_CHECK(file_ >= 0 || code != ENXIO || !S_ISFIFO(info.st_mode),
                 "write: {} is a pipe that nobody reads; a reader, or another output, is required",
                 path_);
      if (file_ < 0)
        throw IoError(fmt::format("write: {} cannot be opened ({}); an output that takes data is "
                                  "required",
                                  path_, reason(code)),
                      code);
      return;
    }
  }
  temporary_ = temporary_name(target_);
  file_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  const int code = errno;
  if (file_ < 0)
    throw IoError(fmt::format("write: {} cannot be made ({}); a folder that can be written is "
                              "required",
                              path_, reason(code)),
                  code);
}

AtomicFile::~AtomicFile() {
  if (file_ >= 0) close(file_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, i64 bytes) {
  const char* next = static_cast<const char*>(data);
  constexpr i64 kMostAtOnce = i64{1} << 20;  // still in the cache when it is hashed
  while (bytes > 0) {
    const ssize_t written =
        ::write(file_, next, static_cast<std::size_t>(std::min(bytes, kMostAtOnce)));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_with("write");
    if (hash_ != nullptr) hash_->add(next, written);
    next += written;
    bytes -= written;
  }
}

void AtomicFile::commit() {
  const bool in_place = temporary_.empty();
  // A device or a pipe cannot be synced, which is EINVAL.
  if (fsync(file_) != 0 && !(in_place && errno == EINVAL)) fail_with("fsync");
  // Some network file systems report write errors only in close().
  if (close(std::exchange(file_, -1)) != 0) fail_with("close");
  if (in_place) return;
  if (rename(temporary_.c_str(), target_.c_str()) != 0) fail_with("rename");
  temporary_.clear();
  sync_to_disk(folder_of(target_));
}

void AtomicFile::fail_with(const char* action) const {
  throw InternalError(fmt::format("write: {}: {} failed: {}", path_, action, reason(errno)));
}

void sync_to_disk(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced =
      file >= 0 && (fsync(file) == 0 || errno == EINVAL);  // EINVAL: the file cannot be synced
  const int code = errno;
  if (file >= 0) close(file);
  if (!synced) throw InternalError(fmt::format("write: {}: fsync failed: {}", path, reason(code)));
}

void write_file_atomically(const std::string& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace weft
