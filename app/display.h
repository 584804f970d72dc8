// SPDX-License-Identifier: Apache-2.0
// What a training run shows: a Console (train/callbacks/console.h) on standard output and in
// log.txt, and what comes before and after the epochs.
//
// Note [A run without its console]
// A console that takes no more text (a full disk, a closed terminal) does not end a run. The lines
// are still in log.txt, the last one goes to standard error, and main() returns 1 for a complete
// run. A pipe whose reader has gone stops the run with a checkpoint, as SIGPIPE asks for.
#pragma once
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "weft/train/callbacks/console.h"
#include "weft/train/run/orchestrator.h"

namespace weft::app {

// A word of a shell's command line that stands for the text, quoted only where it has to be.
std::string shell_quoted(std::string_view text);

class Display : public train::Console {
 public:
  // `on_closed_pipe` is called once, when the reader of standard output has gone.
  explicit Display(std::function<void()> on_closed_pipe);
  void on_train_begin(train::Orchestrator& run) override;
  void on_train_end(const train::RunReport& report) override;

  // Prints a line above the bar and adds it to log.txt, which gets the lines before the run folder
  // too once it is there. Thread-safe: a worker may log while the bar is drawn.
  void say(const std::string& text);

 private:
  bool show(const std::string& text);
  bool put(const std::string& line);
  void write_down(const std::string& line) const;
  void draw(const std::string& bar);
  void say_last(const std::string& line);

  std::function<void()> on_closed_pipe_;  // called without the lock
  std::mutex mutex_;                      // of what is below, and of what is printed
  bool lost_ = false;                     // Note [A run without its console]
  bool bar_shown_ = false;
  const train::RunFolder* folder_ = nullptr;
  std::vector<std::string> early_ = {};  // lines for log.txt, until there is a folder
};

}  // namespace weft::app
