// SPDX-License-Identifier: Apache-2.0
#include "weft/core/files.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weft/core/printable.h"

namespace weft {

namespace fs = std::filesystem;

namespace {

std::string reason_of_code(int code) { return std::generic_category().message(code); }

PathKind kind_of_mode(mode_t mode) {
  if (S_ISREG(mode)) return PathKind::file;
  if (S_ISDIR(mode)) return PathKind::folder;
  return S_ISLNK(mode) ? PathKind::link : PathKind::other;
}

PathKind examined(const fs::path& path, int (*examine)(const char*, struct stat*)) {
  struct stat about {};
  if (examine(path.c_str(), &about) == 0) return kind_of_mode(about.st_mode);
  if (errno == ENOENT || errno == ENOTDIR) return PathKind::none;
  throw IoError(path.string(), "examined", errno);
}

struct OpenFile {
  int file;
  ~OpenFile() {
    if (file >= 0) close(file);
  }
};

}  // namespace

IoError::IoError(const std::string& path, const char* action, int code)
    : Error(fmt::format("{}: it cannot be {} ({}); access to it is required", printable_line(path),
                        action, reason_of_code(code))),
      code_(code) {}

int IoError::exit_code() const noexcept {
  switch (code_) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EEXIST:
    case ELOOP:
    case ENAMETOOLONG: return 2;
    default: return 1;
  }
}

IoError io_error_of(const fs::filesystem_error& error) {
  const std::string path = error.path1().empty() ? "a path" : error.path1().string();
  return {path, "used", error.code().value()};
}

PathKind kind_of(const fs::path& path) { return examined(path, ::lstat); }
PathKind kind_behind(const fs::path& path) { return examined(path, ::stat); }

void make_folders(std::string_view subject, const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error)
    throw IoError(
        fmt::format("{}: {} cannot be made ({}); a folder that can be written is required", subject,
                    path.string(), error.message()),
        error.value());
}

SameFolder::SameFolder(const fs::path& path) : path_(path) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) throw IoError(path.string(), "examined", errno);
  device_ = about.st_dev;
  file_ = about.st_ino;
}

void SameFolder::check() const {
  if (path_.empty()) return;
  struct stat about {};
  const bool found = stat(path_.c_str(), &about) == 0;
  const int code = found || errno == ENOTDIR ? ENOENT : errno;
  if (!found && code != ENOENT) throw IoError(path_.string(), "examined", code);
  if (found && about.st_dev == device_ && about.st_ino == file_) return;
  throw IoError(fmt::format("{} is {} that the run began in, which was moved or removed; that "
                            "folder is required in this place",
                            path_.string(), found ? "not the folder" : "gone, the folder"),
                code);
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  if (error == std::errc::no_such_file_or_directory) return names;
  for (; !error && entry != fs::directory_iterator(); entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) throw IoError(folder.string(), "read", error.value());
  std::sort(names.begin(), names.end());
  return names;
}

std::string read_file(const fs::path& path, i64 most_bytes) {
  // O_NONBLOCK: a pipe must not block.
  const OpenFile opened{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  const int code = errno;
  WEFT_CHECK(opened.file >= 0 || (code != ENOENT && code != ENOTDIR && code != ELOOP),
             "{}: {}; a file is required", path.string(),
             code == ELOOP ? "it is a link, which is not followed" : "it does not exist");
  if (opened.file < 0) throw IoError(path.string(), "read", code);
  struct stat about {};
  if (fstat(opened.file, &about) != 0) throw IoError(path.string(), "examined", errno);
  WEFT_CHECK(S_ISREG(about.st_mode), "{}: it is no file; a file is required", path.string());
  WEFT_CHECK(about.st_size <= most_bytes, "{}: it has {} bytes; at most {} are allowed",
             path.string(), about.st_size, most_bytes);
  std::string text(static_cast<std::size_t>(about.st_size), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t got = read(opened.file, text.data() + done, text.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw IoError(path.string(), "read", errno);
    if (got == 0) break;  // it was cut meanwhile
    done += static_cast<std::size_t>(got);
  }
  text.resize(done);
  return text;
}

int append_or_cut(int file, std::string_view text, i64 size) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(file, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int code = errno;
      [[maybe_unused]] const int best_effort = ftruncate(file, size);  // half a line is worse
      return code;
    }
    done += static_cast<std::size_t>(written);
  }
  return 0;
}

}  // namespace weft
