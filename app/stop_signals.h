// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and SIGTERM as a request to stop: training ends after the optimizer step at hand, with a checkpoint. A
// second Ctrl-C ends the process at once. SIGUSR1 asks for a checkpoint, and training goes on.
//
// Note [Signals and stacks]
// A handler runs on the stack of the thread that the signal came to, and oneDNN's matrix products (2.6, AVX2) use
// the stack pointer for a buffer on the heap: the frame of a handler then overwrites what lies before it (seen: one
// run in ten that was sent SIGUSR1 while it computed died of a corrupt heap). So signals are blocked in every thread
// that may compute, and come to one that only waits for them. An application that embeds weft and installs
// handlers has to do the same.
#pragma once
#include <functional>
#include <stop_token>

namespace weft::app {

class StopSignals {
 public:
  // To be made before any thread is started: they inherit what is blocked. The signals end the process as ever.
  StopSignals();
  // From now on they do what is said above. `on_usr1` is called on a thread of its own, also after the signal
  // that stops; it must outlive this.
  void listen(std::function<void()> on_usr1);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  std::stop_token token() const { return source_.get_token(); }
  // 128 + the signal that came; 0 if none did.
  int exit_code() const;

 private:
  std::stop_source source_;
};

}  // namespace weft::app
