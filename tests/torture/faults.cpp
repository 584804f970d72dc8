// SPDX-License-Identifier: Apache-2.0
// Failing disks for tools/torture_checkpoints.py. This library is loaded before libc (LD_PRELOAD).
// It makes chosen calls of write, fsync and rename fail, or ends the process in them. These
// environment variables choose the calls:
//
//   WEFT_FAULT_UNDER   only paths that contain this text
//   WEFT_FAULT_CALLS   names of calls, with commas: write, fsync, rename
//   WEFT_FAULT_AT      the index of the call, from 1; or WEFT_FAULT_EVERY: every k-th call
//   WEFT_FAULT_KIND    ENOSPC, EIO: the call fails with this error, a write after half of its bytes
//                      short: a write writes half of its bytes
//                      kill-before, kill-after: SIGKILL after half of a write, or after the call
#include <dlfcn.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

const char* setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

template <class F>
F* next(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

std::string path_of(int file) {
  char name[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const ssize_t length = readlink(link.c_str(), name, sizeof name);
  return length < 0 ? "" : std::string(name, static_cast<std::size_t>(length));
}

std::string absolute(const char* path) {
  char here[4096];
  if (path[0] == '/' || getcwd(here, sizeof here) == nullptr) return path;
  return std::string(here) + "/" + path;
}

// Returns whether this call fails.
bool chosen(const char* call, const std::string& path) {
  static std::atomic<long> count{0};
  static const std::string under = setting("WEFT_FAULT_UNDER"),
                           calls = "," + std::string(setting("WEFT_FAULT_CALLS")) + ",";
  static const long at = std::atol(setting("WEFT_FAULT_AT")),
                    every = std::atol(setting("WEFT_FAULT_EVERY"));
  if (under.empty() || path.find(under) == std::string::npos ||
      calls.find("," + std::string(call) + ",") == std::string::npos)
    return false;
  const long number = ++count;
  return number == at || (every > 0 && number % every == 0);
}

const std::string& kind() {
  static const std::string value = setting("WEFT_FAULT_KIND");
  return value;
}
int fail() {
  errno = kind() == "ENOSPC" ? ENOSPC : EIO;
  return -1;
}
void die() { kill(getpid(), SIGKILL); }

ssize_t faulty_write(int file, const char* data, std::size_t bytes) {
  auto* real = next<ssize_t(int, const void*, std::size_t)>("write");
  if (kind() == "kill-after") {
    [[maybe_unused]] const auto all = real(file, data, bytes);
    die();
  }
  const ssize_t half = real(file, data, kind() == "short" ? (bytes + 1) / 2 : bytes / 2);
  if (kind() == "short") return half;
  if (kind() == "kill-before") die();
  return fail();
}

template <class Real>
int faulty(const Real& real) {
  if (kind() == "kill-before") die();
  if (kind() == "ENOSPC" || kind() == "EIO") return fail();
  const int result = real();
  if (kind() == "kill-after") die();
  return result;
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* data, size_t bytes) {
  if (chosen("write", path_of(file)))
    return faulty_write(file, static_cast<const char*>(data), bytes);
  return next<ssize_t(int, const void*, size_t)>("write")(file, data, bytes);
}

// iostreams call writev if their buffer holds data.
ssize_t writev(int file, const iovec* parts, int count) {
  if (!chosen("write", path_of(file)))
    return next<ssize_t(int, const iovec*, int)>("writev")(file, parts, count);
  std::string all;
  for (int i = 0; i < count; ++i)
    all.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  return faulty_write(file, all.data(), all.size());
}

int fsync(int file) {
  const auto real = [file] { return next<int(int)>("fsync")(file); };
  return chosen("fsync", path_of(file)) ? faulty(real) : real();
}

int rename(const char* from, const char* to) {
  const auto real = [=] { return next<int(const char*, const char*)>("rename")(from, to); };
  return chosen("rename", absolute(to)) ? faulty(real) : real();
}

}  // extern "C"
