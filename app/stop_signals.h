// SPDX-License-Identifier: Apache-2.0
// SIGINT (Ctrl-C), SIGTERM, SIGHUP, SIGPIPE and SIGXCPU request a stop: training ends after the
// current optimizer step, with a checkpoint. A second SIGINT or SIGTERM ends the process at once.
// SIGUSR1 requests a checkpoint, and training continues. A signal that was ignored when the command
// started (nohup) stays ignored.
//
// Note [Signals and stacks]
// A handler runs on the stack of the thread that receives the signal. oneDNN's matrix products
// (2.6, AVX2) use the stack pointer for a buffer on the heap, so a handler's frame overwrites the
// memory before that buffer. (Seen: one run in ten that received SIGUSR1 while it computed died of
// a corrupt heap.) Therefore signals are blocked in every thread that may compute, and go to one
// that only waits for them. An application that embeds weft and installs handlers has to do the
// same.
#pragma once
#include <csignal>
#include <functional>
#include <stop_token>

namespace weft::app {

class StopSignals {
 public:
  // Must be constructed before any thread starts, because threads inherit the blocked signals. The
  // signals still end the process.
  StopSignals();
  // From now on the signals do what the top of this file says. `on_usr1` is called on a thread of
  // its own, also after a signal that stops. What it refers to must outlive this object.
  void listen(std::function<void()> on_usr1);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  std::stop_token token() const { return source_.get_token(); }
  // Must be called when a write found the other end of its pipe closed (EPIPE). Does what SIGPIPE
  // does. It is blocked in the thread that writes, so it does not come by itself.
  void on_closed_pipe();
  // 128 + the first signal that requested a stop; 0 if none did. SIGPIPE counts only if no other
  // came: Ctrl-C also ends the `tee` that reads a run's output, and may end it first.
  int exit_code() const;

 private:
  std::stop_source source_;
  sigset_t blocked_before_{};
};

}  // namespace weft::app
