// SPDX-License-Identifier: Apache-2.0
#include "weft/app/stop_signals.h"

#include <atomic>
#include <csignal>
#include <thread>

#include <unistd.h>

#include "weft/core/error.h"

namespace weft::app {
namespace {

std::atomic<int> received{0};
int pipe_ends[2] = {-1, -1};
std::thread watcher;

// request_stop() may lock, so it must not run in a signal handler: a thread waits for this byte.
void on_signal(int signal) {
  received = signal;
  std::signal(signal, SIG_DFL);
  const char byte = 1;
  [[maybe_unused]] const auto written = write(pipe_ends[1], &byte, 1);
}

}  // namespace

StopSignals::StopSignals() {
  WEFT_ASSERT(pipe(pipe_ends) == 0, "signals: no pipe could be made");
  watcher = std::thread([source = source_]() mutable {
    char byte = 0;
    while (read(pipe_ends[0], &byte, 1) < 0) {
    }
    if (byte == 1) source.request_stop();
  });
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

StopSignals::~StopSignals() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  const char byte = 0;
  [[maybe_unused]] const auto written = write(pipe_ends[1], &byte, 1);
  watcher.join();
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

int StopSignals::exit_code() const { return received == 0 ? 0 : 128 + received; }

}  // namespace weft::app
