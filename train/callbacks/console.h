// SPDX-License-Identifier: Apache-2.0
// Console: shows a run, as `weft train` does, where a C++ program says. On a terminal a bar is
// drawn again and again, and a line stays of each epoch. Elsewhere there are lines only, and
// between those of slow epochs a heartbeat.
//
//   train::Console console{train::console_on(stdout)};
//   trainer.add_observer(console);                               // a loop of your own
//   run.add_callback(std::make_shared<train::Console>(…));       // an Orchestrator
//
// The library prints nothing by itself: it gives the lines to the functions of a ConsoleOutput. Of
// several ranks, the Console of rank 0 alone shows something in an Orchestrator. It never waits for
// a GPU: losses are those of the last step whose outcome the host knows.
#pragma once
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "weft/core/clock.h"
#include "weft/train/callbacks/callbacks.h"
#include "weft/train/callbacks/console_lines.h"

namespace weft::train {

// Where the text goes. The functions are called on the thread that trains.
struct ConsoleOutput {
  // Takes a line that stays, without a line end.
  std::function<void(const std::string& line)> line;
  // Takes a line that replaces the one before it, until a line that stays replaces it. Empty where
  // none can be replaced.
  std::function<void(const std::string& line)> bar = {};
  // The width of the terminal as of now; needed for a bar.
  std::function<i64()> columns = {};
  bool colour = false;
  double redraw = 0.1;  // the least seconds between two bars
};
// For a file that the program owns and keeps open, such as stdout: with a bar if it is a terminal
// (core/terminal.h), with colours unless NO_COLOR is set. What cannot be written is dropped.
ConsoleOutput console_on(std::FILE* file);
// What replaces the line of a terminal at which the cursor is. A line that is too long by then, in
// a window that was made narrower, is cut off by the terminal.
std::string replacing(const std::string& line);
// What removes it.
inline constexpr const char* kErasedLine = "\r\033[2K";

class Console : public Callback {
 public:
  // Without options: those of the keys `run.print_every` and `run.heartbeat` of an Orchestrator's
  // config; in a loop of your own the defaults. Throws UserError for options out of range.
  explicit Console(ConsoleOutput output, const std::optional<ConsoleOptions>& options = {});

  void on_train_begin(Orchestrator& run) override;
  void on_epoch_begin(Trainer& trainer, i64 epoch) override;
  void on_batch_end(Trainer& trainer, const Progress& progress) override;
  void on_epoch_end(Trainer& trainer, const EpochResult& result) override;
  void on_epoch_end(const EpochReport& report) override;
  // Shows the line of the last epoch, if a run was ended after one that print_every leaves out.
  void on_train_end(const RunReport& report) override;
  // The same after a loop of your own.
  void finish();

 protected:
  ConsoleOutput& output() { return output_; }
  // Whether the bar alone is shown.
  void set_bar_only(bool on) { bar_only_ = on; }

 private:
  LiveProgress progress_of(const Trainer& trainer, const Progress& progress);
  void line(const std::string& text);

  ConsoleOutput output_;
  std::optional<ConsoleOptions> given_;
  ConsoleOptions options_;
  Orchestrator* run_ = nullptr;  // null in a loop of your own
  bool silent_ = false, bar_only_ = false;
  std::string held_back_;  // the line of the last epoch, if it was not shown
  std::optional<Clock::time_point> begun_ = {};
  Clock::time_point last_line_ = {}, last_bar_ = {};
  i64 batches_done_ = 0;  // since begun_
};

}  // namespace weft::train
