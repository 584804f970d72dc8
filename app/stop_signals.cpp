// SPDX-License-Identifier: Apache-2.0
#include "weft/app/stop_signals.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "weft/core/error.h"

namespace weft::app {
namespace {

std::atomic<int> received{0};
std::atomic<bool> pipe_closed{false};
int pipe_ends[2] = {-1, -1};
std::thread watcher;
std::function<void()> checkpoint;  // what SIGUSR1 asks for

// request_stop() may lock, so it must not run in a signal handler. A thread waits for this byte.
constexpr char kEnd = 0, kStop = 1, kCheckpoint = 2;

void tell(char what) {
  const int before = errno;
  [[maybe_unused]] const auto written = write(pipe_ends[1], &what, 1);
  errno = before;
}

// A terminal that closes sends SIGHUP more than once, each write to a closed pipe is one more
// SIGPIPE, and SIGXCPU comes each second from the limit of processor time on. The save that the
// first one requested must not be ended by the next one.
bool may_come_again(int signal) {
  return signal == SIGHUP || signal == SIGPIPE || signal == SIGXCPU;
}

void on_stop(int signal) {
  int none = 0;
  if (signal == SIGPIPE) pipe_closed = true;
  else received.compare_exchange_strong(none, signal);
  std::signal(signal, may_come_again(signal) ? SIG_IGN : SIG_DFL);
  tell(kStop);
}

void on_usr1_signal(int) { tell(kCheckpoint); }

void nothing_to_save_yet(int) {}

constexpr int kStopping[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXCPU};

sigset_t all_of_ours() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kStopping) sigaddset(&set, signal);
  sigaddset(&set, SIGUSR1);
  return set;
}

bool ignored(int signal) {
  struct sigaction now {};
  return sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

void handle(int signal, void (*handler)(int)) {
  if (!ignored(signal)) std::signal(signal, handler);
}

}  // namespace

StopSignals::StopSignals() {
  WEFT_ASSERT(pipe2(pipe_ends, O_CLOEXEC) == 0, "signals: no pipe could be made");
  fcntl(pipe_ends[1], F_SETFL, O_NONBLOCK);  // a handler must not wait for its own thread
  const sigset_t ours = all_of_ours();
  pthread_sigmask(SIG_BLOCK, &ours, &blocked_before_);
  handle(SIGUSR1, nothing_to_save_yet);  // it ends a program that does not handle it
  const auto watch = [source = source_, ours]() mutable {
    pthread_sigmask(SIG_UNBLOCK, &ours, nullptr);  // Note [Signals and stacks]
    for (char what = 0;;) {
      if (read(pipe_ends[0], &what, 1) < 0) continue;
      if (what == kEnd) return;
      if (what == kStop) source.request_stop();
      else checkpoint();
    }
  };
  try {
    watcher = std::thread(watch);
  } catch (const std::system_error& error) {
    fail("signals: no thread can be created ({}); one is required (ulimit -u)",
         error.code().message());
  }
}

void StopSignals::listen(std::function<void()> on_usr1) {
  checkpoint = std::move(on_usr1);  // set before a handler can ask for it
  for (const int signal : kStopping) handle(signal, on_stop);
  handle(SIGUSR1, on_usr1_signal);
}

StopSignals::~StopSignals() {
  for (const int signal : kStopping) handle(signal, may_come_again(signal) ? SIG_IGN : SIG_DFL);
  handle(SIGUSR1, SIG_IGN);  // the run is over
  tell(kEnd);
  watcher.join();
  pthread_sigmask(SIG_SETMASK, &blocked_before_, nullptr);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

void StopSignals::on_closed_pipe() {
  if (ignored(SIGPIPE) && !pipe_closed) return;
  pipe_closed = true;
  source_.request_stop();
}

int StopSignals::exit_code() const {
  const int signal = received != 0 ? received.load() : pipe_closed ? SIGPIPE : 0;
  return signal == 0 ? 0 : 128 + signal;
}

}  // namespace weft::app
