// SPDX-License-Identifier: Apache-2.0
// Failing disks, signals and small sockets for tools/torture_checkpoints.py and torture_ranks.py.
// This library is loaded before libc (LD_PRELOAD). It makes chosen calls fail, or ends or signals
// the process in them. These environment variables choose the calls:
//
//   WEFT_FAULT_UNDER   only paths that contain this text
//   WEFT_FAULT_CALLS   names of calls, with commas: write, fsync, rename, symlink, read (and
//                      pread), open (to read, and fopen), stat (and lstat)
//   WEFT_FAULT_AT      the index of the call, from 1; or WEFT_FAULT_EVERY: every k-th call
//   WEFT_FAULT_KIND    the name of an error, such as EIO: the call fails with it, a write after
//                      half of its bytes
//                      short: a write writes half of its bytes
//                      kill-before, kill-after: SIGKILL after half of a write, or after the call
//                      signal: WEFT_FAULT_SIGNAL is sent to the process, and the call succeeds
//   WEFT_FAULT_CPU_MS  the signal is sent when the process has computed so long after the call.
//                      A busy machine does not change where that is.
//   WEFT_FAULT_SOCKET_BYTES  the size of the buffers of TCP sockets, which do not grow
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>

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

const std::string& kind() {
  static const std::string value = setting("WEFT_FAULT_KIND");
  return value;
}

void* signal_later(void*) {
  const long ms = std::atol(setting("WEFT_FAULT_CPU_MS"));
  timespec left{ms / 1000, ms % 1000 * 1000000};
  while (clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &left, &left) == EINTR) {
  }
  kill(getpid(), std::atoi(setting("WEFT_FAULT_SIGNAL")));
  return nullptr;
}

void send_signal() {
  if (std::atol(setting("WEFT_FAULT_CPU_MS")) <= 0) {
    kill(getpid(), std::atoi(setting("WEFT_FAULT_SIGNAL")));
    return;
  }
  // The thread must not be the one that handles the signal.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, signal_later, nullptr) == 0) pthread_detach(thread);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

std::atomic<long> matching_calls{0};  // of all names together

// Returns whether this call fails. `path` is called only for the calls that were asked for.
template <class Path>
bool chosen(const char* call, const Path& path) {
  static const std::string under = setting("WEFT_FAULT_UNDER"),
                           calls = "," + std::string(setting("WEFT_FAULT_CALLS")) + ",";
  static const long at = std::atol(setting("WEFT_FAULT_AT")),
                    every = std::atol(setting("WEFT_FAULT_EVERY"));
  if (under.empty() || calls.find("," + std::string(call) + ",") == std::string::npos ||
      path().find(under) == std::string::npos)
    return false;
  const long number = ++matching_calls;
  if (number != at && (every == 0 || number % every != 0)) return false;
  if (kind() != "signal") return true;
  send_signal();
  return false;
}

// Returns the errno that the kind names, or 0 if it names none.
int error_of_kind() {
  constexpr std::pair<const char*, int> kErrors[] = {{"ENOSPC", ENOSPC},   {"EIO", EIO},
                                                     {"ESTALE", ESTALE},   {"EPERM", EPERM},
                                                     {"ENOTSUP", ENOTSUP}, {"EACCES", EACCES}};
  for (const auto& [name, code] : kErrors)
    if (kind() == name) return code;
  return 0;
}

int fail() {
  const int code = error_of_kind();
  errno = code == 0 ? EIO : code;
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
  if (error_of_kind() != 0) return fail();
  const int result = real();
  if (kind() == "kill-after") die();
  return result;
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* data, size_t bytes) {
  if (chosen("write", [=] { return path_of(file); }))
    return faulty_write(file, static_cast<const char*>(data), bytes);
  return next<ssize_t(int, const void*, size_t)>("write")(file, data, bytes);
}

// iostreams call writev if their buffer holds data.
ssize_t writev(int file, const iovec* parts, int count) {
  if (!chosen("write", [=] { return path_of(file); }))
    return next<ssize_t(int, const iovec*, int)>("writev")(file, parts, count);
  std::string all;
  for (int i = 0; i < count; ++i)
    all.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  return faulty_write(file, all.data(), all.size());
}

int fsync(int file) {
  const auto real = [file] { return next<int(int)>("fsync")(file); };
  return chosen("fsync", [=] { return path_of(file); }) ? faulty(real) : real();
}

int rename(const char* from, const char* to) {
  const auto real = [=] { return next<int(const char*, const char*)>("rename")(from, to); };
  return chosen("rename", [=] { return absolute(to); }) ? faulty(real) : real();
}

int symlink(const char* target, const char* link) {
  const auto real = [=] { return next<int(const char*, const char*)>("symlink")(target, link); };
  return chosen("symlink", [=] { return absolute(link); }) ? faulty(real) : real();
}

ssize_t read(int file, void* data, size_t bytes) {
  if (chosen("read", [=] { return path_of(file); })) return fail();
  return next<ssize_t(int, void*, size_t)>("read")(file, data, bytes);
}

ssize_t pread(int file, void* data, size_t bytes, off_t begin) {
  if (chosen("read", [=] { return path_of(file); })) return fail();
  return next<ssize_t(int, void*, size_t, off_t)>("pread")(file, data, bytes, begin);
}

ssize_t pread64(int file, void* data, size_t bytes, off64_t begin) {
  if (chosen("read", [=] { return path_of(file); })) return fail();
  return next<ssize_t(int, void*, size_t, off64_t)>("pread64")(file, data, bytes, begin);
}

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  if ((flags & O_ACCMODE) == O_RDONLY && chosen("open", [=] { return absolute(path); }))
    return fail();
  return next<int(const char*, int, ...)>("open")(path, flags, mode);
}

int openat(int folder, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  const auto whole = [=] {
    return folder == AT_FDCWD || path[0] == '/' ? absolute(path) : path_of(folder) + "/" + path;
  };
  if ((flags & O_ACCMODE) == O_RDONLY && chosen("open", whole)) return fail();
  return next<int(int, const char*, int, ...)>("openat")(folder, path, flags, mode);
}

// std::ifstream opens files by it.
FILE* fopen64(const char* path, const char* mode) {
  if (std::strchr(mode, 'r') != nullptr && chosen("open", [=] { return absolute(path); })) {
    fail();
    return nullptr;
  }
  return next<FILE*(const char*, const char*)>("fopen64")(path, mode);
}

int stat(const char* path, struct stat* out) {
  if (chosen("stat", [=] { return absolute(path); })) return fail();
  return next<int(const char*, struct stat*)>("stat")(path, out);
}

int lstat(const char* path, struct stat* out) {
  if (chosen("stat", [=] { return absolute(path); })) return fail();
  return next<int(const char*, struct stat*)>("lstat")(path, out);
}

// A connection that is accepted has the buffers of the socket that listens.
int socket(int domain, int type, int protocol) noexcept {
  const int made = next<int(int, int, int)>("socket")(domain, type, protocol);
  const int bytes = std::atoi(setting("WEFT_FAULT_SOCKET_BYTES"));
  if (made >= 0 && bytes > 0 && domain != AF_UNIX)
    for (const int which : {SO_RCVBUF, SO_SNDBUF})
      setsockopt(made, SOL_SOCKET, which, &bytes, sizeof bytes);
  return made;
}

}  // extern "C"
