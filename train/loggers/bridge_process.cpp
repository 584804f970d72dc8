// SPDX-License-Identifier: Apache-2.0
#include "weft/train/loggers/bridge_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "weft/core/error.h"
#include "weft/core/files.h"

extern char** environ;

namespace weft::train {
namespace {

constexpr std::size_t kChunk = 1 << 16;       // bytes that are taken from the queue together
constexpr std::size_t kLongestAnswer = 4096;  // bytes
constexpr double kSecondsToDie = 2;           // after SIGTERM

std::string reason_of(int code) { return std::generic_category().message(code); }

// The attributes and descriptors of the program.
class Spawning {
 public:
  Spawning(int socket, int log) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, socket, 0);
    posix_spawn_file_actions_adddup2(&actions_, socket, 1);
    posix_spawn_file_actions_adddup2(&actions_, log, 2);
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 34)
    // Other code of the process may have opened files without close-on-exec.
    posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
#endif
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attributes_, 0);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
  }
  ~Spawning() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  Spawning(const Spawning&) = delete;
  Spawning& operator=(const Spawning&) = delete;

  // Returns an error code, or 0.
  int spawn(pid_t& process, const std::vector<std::string>& command) const {
    std::vector<char*> arguments;
    for (const std::string& argument : command)
      arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    return posix_spawnp(&process, arguments.front(), &actions_, &attributes_, arguments.data(),
                        environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

BridgeProcess::BridgeProcess(BridgeOptions options) : options_(std::move(options)) {
  start();
  moved_ = Clock::now();
  thread_ = std::thread([this] { run(); });
}

void BridgeProcess::start() {
  std::array<int, 2> ends{-1, -1};
  const int log = ::open(options_.log.c_str(),
                         O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0666);
  if (log < 0) throw IoError(options_.log.string(), "opened", errno);
  log_begin_ = std::max<i64>(0, lseek(log, 0, SEEK_END));
  const bool made = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0 &&
                    (wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) >= 0;
  int code = made ? 0 : errno;
  if (made) code = Spawning(ends[1], log).spawn(process_, options_.command);
  close(log);
  if (ends[1] >= 0) close(ends[1]);
  socket_ = ends[0];
  if (code == 0) return;
  if (socket_ >= 0) close(socket_);
  if (wake_ >= 0) close(wake_);
  fail("{} cannot be started ({})", options_.command.front(), reason_of(code));
}

BridgeProcess::~BridgeProcess() {
  finish();
  close(socket_);
  close(wake_);
}

void BridgeProcess::wake() const {
  const u64 one = 1;
  [[maybe_unused]] const ssize_t never_full = ::write(wake_, &one, sizeof one);
}

void BridgeProcess::send(const std::string& line) {
  bool first_lost = false;
  {
    const std::lock_guard lock(queue_.mutex);
    if (queue_.ended || queue_.is_last) return;
    if (queue_.bytes + line.size() > options_.most_bytes) {
      first_lost = queue_.lost++ == 0;
    } else {
      queue_.bytes += line.size();
      queue_.lines.push_back(line + "\n");
    }
  }
  if (first_lost) options_.warn("the bridge does not read what it is told, and some of it is lost");
  else wake();
}

void BridgeProcess::finish() {
  {
    const std::lock_guard lock(queue_.mutex);
    queue_.is_last = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
}

// What the thread does, until the program ends or is killed.
void BridgeProcess::run() {
  Clock::time_point deadline = Clock::time_point::max();
  bool alive = true, in_time = true;
  while (alive && in_time) {
    constexpr int kTick = 200;  // ms; what is told wakes the thread at once
    alive = exchange(kTick);
    look_at_time();
    const std::lock_guard lock(queue_.mutex);
    if (queue_.is_last && deadline == Clock::time_point::max())
      deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(options_.timeout));
    in_time = Clock::now() < deadline;
  }
  {
    const std::lock_guard lock(queue_.mutex);
    queue_.ended = true;
  }
  const double left = std::chrono::duration<double>(deadline - Clock::now()).count();
  bury(alive, std::min(std::max(left, kSecondsToDie), options_.timeout));
}

void BridgeProcess::take_lines() {
  const std::lock_guard lock(queue_.mutex);
  if (unanswered_ == 0 && !queue_.lines.empty()) moved_ = Clock::now();
  while (!queue_.lines.empty() && unsent_.size() < kChunk) {
    std::string& line = queue_.lines.front();
    queue_.bytes -= line.size() - 1;
    unsent_ += line;
    queue_.lines.pop_front();
    ++unanswered_;
  }
  if (queue_.is_last && unsent_.empty() && queue_.lines.empty() &&
      !std::exchange(input_ended_, true))
    shutdown(socket_, SHUT_WR);
}

// Writes and reads what can be without waiting, or waits for such. Returns false when the program
// has closed its end.
bool BridgeProcess::exchange(int wait_ms) {
  take_lines();
  std::array<pollfd, 2> ready{{{socket_, POLLIN, 0}, {wake_, POLLIN, 0}}};
  if (!unsent_.empty()) ready[0].events |= POLLOUT;
  if (poll(ready.data(), ready.size(), wait_ms) <= 0) return true;
  u64 count = 0;
  if (ready[1].revents != 0) [[maybe_unused]]
    const ssize_t cleared = ::read(wake_, &count, sizeof count);
  if ((ready[0].revents & POLLOUT) != 0) {
    const ssize_t sent =
        ::send(socket_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) unsent_.erase(0, static_cast<std::size_t>(sent));
    else if (errno != EAGAIN && errno != EINTR) unsent_.clear();  // the answers say what it was
  }
  if ((ready[0].revents & (POLLIN | POLLHUP | POLLERR)) == 0) return true;
  std::array<char, 4096> bytes;
  const ssize_t read = ::recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (read < 0) return errno == EAGAIN || errno == EINTR;
  answers_.append(bytes.data(), static_cast<std::size_t>(read));
  for (std::size_t end; (end = answers_.find('\n')) != answers_.npos; answers_.erase(0, end + 1))
    hear(answers_.substr(0, end));
  if (answers_.size() > kLongestAnswer) answers_.clear();
  return read > 0;
}

void BridgeProcess::hear(const std::string& answer) {
  moved_ = Clock::now();
  said_slow_ = false;
  unanswered_ = std::max<i64>(0, unanswered_ - 1);
  const std::size_t space = std::min(answer.find(' '), answer.size());
  const std::string kind = answer.substr(0, space);
  if (kind == "ok") return;
  said_fatal_ = said_fatal_ || kind == "fatal";
  options_.warn(space < answer.size() ? answer.substr(space + 1) : answer);
}

void BridgeProcess::look_at_time() {
  if (unanswered_ == 0 || said_slow_ || seconds_since(moved_) < options_.timeout) return;
  said_slow_ = true;
  options_.warn(
      fmt::format("the bridge has not answered for {} s; a network and a service that "
                  "answer are required ({} has what it wrote)",
                  options_.timeout, options_.log.string()));
}

// Whether the program has ended. SIGCHLD may be ignored, so that its status is lost.
bool BridgeProcess::ended_within(double seconds, int* status) {
  constexpr std::chrono::milliseconds kPause{10};
  const Clock::time_point start = Clock::now();
  for (;;) {
    const pid_t found = waitpid(process_, status, WNOHANG);
    if (found == process_ || (found < 0 && errno != EINTR)) return true;
    if (seconds_since(start) >= seconds) return false;
    std::this_thread::sleep_for(kPause);
  }
}

// Waits for the program, which has closed its end of the socket or is to be killed.
void BridgeProcess::bury(bool killed, double seconds_left) {
  int status = 0;
  if (!killed && !ended_within(seconds_left, &status)) killed = true;
  if (killed) {
    kill(-process_, SIGTERM);
    if (!ended_within(kSecondsToDie, &status)) {
      kill(-process_, SIGKILL);
      ended_within(kSecondsToDie, &status);
    }
    options_.warn(
        fmt::format("the bridge did not finish within {} s and was ended; a longer "
                    "timeout of the logger gives it more ({} has what it wrote)",
                    options_.timeout, options_.log.string()));
    return;
  }
  // Of a lost status the answers say whether it did its work.
  const bool failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0 || unanswered_ > 0;
  if ((failed || !input_ended_) && !said_fatal_)
    options_.warn(fmt::format(
        "the bridge has ended by {} {} ({}{}){}{}", WIFSIGNALED(status) ? "signal" : "exit code",
        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), options_.log.string(),
        last_words(), options_.hint.empty() ? "" : "; ", options_.hint));
}

// What its log says, after the name of the log.
std::string BridgeProcess::last_words() const {
  constexpr i64 kMostBytes = 1 << 24;
  std::string text;
  try {
    text = read_file(options_.log, kMostBytes);
  } catch (const Error&) {
  }
  text.erase(0, std::min(text.size(), static_cast<std::size_t>(log_begin_)));
  text.erase(text.find_last_not_of(" \n") + 1);
  const std::string line = text.substr(text.rfind('\n') + 1);
  if (line.empty()) return " is empty";
  return ": " + line.substr(0, kLongestAnswer / 8);
}

}  // namespace weft::train
