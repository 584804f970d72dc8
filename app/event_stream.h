// SPDX-License-Identifier: Apache-2.0
// `weft train --events FD`: the events of a run as JSON lines, on a descriptor that the starter of
// the process has opened. docs/python.md has the table of the events.
//
// Note [A run without its reader]
// A line is written at once, whole. A reader that has gone is a warning, once, and the run goes on
// without the events. So is one that takes nothing for kPatience, because a pipe that is full would
// hold up the run.
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "weft/train/run/logger.h"
#include "weft/train/run/orchestrator.h"

namespace weft::app {

// The descriptor that the text of --events names. Throws UserError for what is no number of a
// descriptor.
int descriptor_of(const std::string& text);

class EventStream {
 public:
  static constexpr std::chrono::seconds kPatience{30};

  // Takes the descriptor over: programs that this process starts do not get it, and the destructor
  // closes it. Throws UserError unless it is 3 or more, open, and can be written.
  explicit EventStream(int descriptor);
  ~EventStream();
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  // Writes the line and a line feed. Throws UserError when the reader has gone; lines after that
  // are dropped.
  void put(std::string_view line);
  // The last event of a run that ended, completely or not. Like failed(), it warns of a reader that
  // has gone.
  void end(const train::RunReport& report);
  // The last event of a run that an error ended, also before it began. Does nothing after end().
  void fail(const std::string& error);

 private:
  void write(std::string_view bytes);
  void put_last(std::string_view line);

  int descriptor_;
  bool lost_ = false, ended_ = false;
};

// The logger that writes `begin`, each event of metrics.jsonl, and `checkpoint`.
std::unique_ptr<train::Logger> logger_of(std::shared_ptr<EventStream> stream,
                                         train::Orchestrator& run);

}  // namespace weft::app
