// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and SIGTERM as a request to stop: training ends after the optimizer step at hand, with a checkpoint. A
// second Ctrl-C ends the process at once. SIGUSR1 asks for a checkpoint, and training goes on.
#pragma once
#include <functional>
#include <stop_token>

namespace weft::app {

class StopSignals {
 public:
  // `on_usr1` is called on a thread of its own, also after the signal that stops.
  explicit StopSignals(std::function<void()> on_usr1);
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
