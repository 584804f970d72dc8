// SPDX-License-Identifier: Apache-2.0
// What a training run shows: a progress bar on a terminal, one plain line per epoch elsewhere.
#pragma once
#include <chrono>
#include <string>
#include <string_view>

#include "weft/train/run/orchestrator.h"

namespace weft::app {

// A word of a shell's command line that stands for the text, quoted only where it has to be.
std::string shell_quoted(std::string_view text);

class Display : public train::Callback {
 public:
  Display();
  void on_train_begin(train::Orchestrator& run) override;
  void on_batch_end(train::Trainer& trainer, const train::Progress& progress) override;
  void on_epoch_end(const train::EpochReport& report) override;
  void on_train_end(const train::RunReport& report) override;

  // Prints a line above the bar and adds it to log.txt, if there is one.
  void say(const std::string& text);

 private:
  void clear_bar();

  bool terminal_;
  bool bar_shown_ = false;
  i64 epochs_ = 0;
  const train::RunFolder* folder_ = nullptr;
  std::chrono::steady_clock::time_point last_drawn_{};
};

}  // namespace weft::app
