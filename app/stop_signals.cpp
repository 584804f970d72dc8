// SPDX-License-Identifier: Apache-2.0
#include "weft/app/stop_signals.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "weft/core/error.h"

namespace weft::app {
namespace {

std::atomic<int> received{0};
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

void on_stop(int signal) {
  received = signal;
  std::signal(signal, SIG_DFL);
  tell(kStop);
}

void on_usr1_signal(int) { tell(kCheckpoint); }

sigset_t all_of_ours() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&set, signal);
  return set;
}

}  // namespace

StopSignals::StopSignals() {
  WEFT_ASSERT(pipe2(pipe_ends, O_CLOEXEC) == 0, "signals: no pipe could be made");
  const sigset_t ours = all_of_ours();
  pthread_sigmask(SIG_BLOCK, &ours, nullptr);
  watcher = std::thread([source = source_, ours]() mutable {
    pthread_sigmask(SIG_UNBLOCK, &ours, nullptr);  // Note [Signals and stacks]
    for (char what = 0;;) {
      if (read(pipe_ends[0], &what, 1) < 0) continue;
      if (what == kEnd) return;
      if (what == kStop) source.request_stop();
      else checkpoint();
    }
  });
}

void StopSignals::listen(std::function<void()> on_usr1) {
  checkpoint = std::move(on_usr1);  // set before a handler can ask for it
  std::signal(SIGINT, on_stop);
  std::signal(SIGTERM, on_stop);
  std::signal(SIGUSR1, on_usr1_signal);
}

StopSignals::~StopSignals() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGUSR1, SIG_IGN);  // the run is over
  tell(kEnd);
  watcher.join();
  const sigset_t ours = all_of_ours();
  pthread_sigmask(SIG_UNBLOCK, &ours, nullptr);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

int StopSignals::exit_code() const { return received == 0 ? 0 : 128 + received; }

}  // namespace weft::app
