// SPDX-License-Identifier: Apache-2.0
#include "weft/core/regular_file.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "weft/core/files.h"
#include "weft/core/printable.h"

namespace weft {
namespace {

FileDefect refused(const std::string& what, int code) {
  return {fmt::format("{} ({})", what, std::generic_category().message(code)), code};
}

// The path itself is wrong, whatever the machine does.
bool is_wrong_path(int code) {
  return code == ENOENT || code == ENOTDIR || code == ELOOP || code == ENAMETOOLONG;
}

}  // namespace

void FileDefect::check(std::string_view subject, std::string_view required) const {
  if (empty()) return;
  WEFT_CHECK(code != 0, "{} {}; {}", subject, text, required);
  throw IoError(shortened(printable(fmt::format("{} {}; access to it is required", subject, text))),
                code);
}

RegularFile::RegularFile(const std::string& path) {
  // Without O_NONBLOCK, open() waits until another process opens a pipe for writing. It has no
  // effect on a regular file.
  file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file_ < 0) {
    const int code = errno;
    defect_ = refused("cannot be opened", code);
    if (code == ENOENT) defect_.text = "does not exist";
    if (code == ENXIO || code == ENODEV)
      defect_.text = "is a socket or a device, not a regular file";
    if (is_wrong_path(code) || code == ENXIO || code == ENODEV) defect_.code = 0;
    return;
  }
  struct stat about {};
  if (fstat(file_, &about) != 0) {
    defect_ = refused("cannot be examined", errno);
  } else if (!S_ISREG(about.st_mode)) {
    defect_.text = fmt::format("is a {}, not a regular file", S_ISDIR(about.st_mode)    ? "folder"
                                                              : S_ISFIFO(about.st_mode) ? "pipe"
                                                              : S_ISSOCK(about.st_mode) ? "socket"
                                                                                        : "device");
  } else {
    bytes_ = about.st_size;
    return;
  }
  close(std::exchange(file_, -1));
}

RegularFile::~RegularFile() {
  if (file_ >= 0) close(file_);
}

FileDefect RegularFile::read(void* into, i64 bytes, i64 at) const {
  constexpr i64 kMostAtOnce = i64{1} << 30;  // pread() takes at most 2^31 - 4096 bytes
  char* next = static_cast<char*>(into);
  for (const i64 end = at + bytes; at < end;) {
    const ssize_t got =
        pread(file_, next, static_cast<std::size_t>(std::min(end - at, kMostAtOnce)), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused(fmt::format("cannot be read at byte {}", at), errno);
    if (got == 0) return {fmt::format("ends at byte {} of {}", at, std::max(end, bytes_))};
    next += got;
    at += got;
  }
  return {};
}

}  // namespace weft
