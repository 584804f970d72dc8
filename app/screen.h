// SPDX-License-Identifier: Apache-2.0
// What standard output can show, and a terminal that shows a picture which changes.
#pragma once
#include <string>
#include <vector>

#include "weft/core/types.h"

namespace weft::app {

struct ScreenSize {
  int columns = 80, rows = 24;
};
// Of the terminal that standard output is, as of now; 80 × 24 for one that does not say, and for
// what is no terminal, where COLUMNS and LINES may say more.
ScreenSize screen_size();
// Whether standard output is a terminal that shows colours, and NO_COLOR is not set.
bool shows_colour();
// Whether the locale's characters are UTF-8 (LC_ALL, LC_CTYPE, LANG).
bool shows_unicode();

// A picture that fills the terminal while the object lives: on the alternate screen, without a
// cursor, with keys read at once. The destructor restores all of it, and so do signals that end the
// process (SIGINT, SIGTERM, SIGHUP, SIGQUIT), before they do, and one that stops it (SIGTSTP);
// SIGCONT takes the screen again. There is one at a time, in a process that computes nothing (Note
// [Signals and stacks], app/stop_signals.h).
class Screen {
 public:
  // Whether standard input and output are terminals that can show it.
  static bool possible();
  // Throws UserError unless it is possible().
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // Replaces the picture. Lines that do not fit are cut off. Returns false if the terminal has
  // gone.
  bool show(const std::vector<std::string>& lines);
  enum class Event { none, key, resized, closed };
  struct Input {
    Event event = Event::none;
    std::string key = {};  // "q", "tab", "left", "right", "up", "down"
  };
  // Waits for a key or a new size, for as many milliseconds at most.
  Input wait(int milliseconds);
};

}  // namespace weft::app
