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

namespace weft {
namespace {

std::string reason_of(int error) { return std::generic_category().message(error); }

}  // namespace

RegularFile::RegularFile(const std::string& path) {
  // Without O_NONBLOCK, open() waits until another process opens a pipe for writing. It has no
  // effect on a regular file.
  file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file_ < 0) {
    defect_ =
        errno == ENOENT ? "does not exist" : fmt::format("cannot be opened ({})", reason_of(errno));
    return;
  }
  struct stat about {};
  if (fstat(file_, &about) != 0) {
    defect_ = fmt::format("cannot be examined ({})", reason_of(errno));
  } else if (!S_ISREG(about.st_mode)) {
    defect_ = fmt::format("is a {}, not a regular file", S_ISDIR(about.st_mode)    ? "folder"
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

std::string RegularFile::read(void* into, i64 bytes, i64 at) const {
  constexpr i64 kMostAtOnce = i64{1} << 30;  // pread() takes at most 2^31 - 4096 bytes
  char* next = static_cast<char*>(into);
  for (const i64 end = at + bytes; at < end;) {
    const ssize_t got =
        pread(file_, next, static_cast<std::size_t>(std::min(end - at, kMostAtOnce)), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fmt::format("cannot be read at byte {} ({})", at, reason_of(errno));
    if (got == 0) return fmt::format("ends at byte {} of {}", at, std::max(end, bytes_));
    next += got;
    at += got;
  }
  return {};
}

}  // namespace weft
