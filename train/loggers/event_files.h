// SPDX-License-Identifier: Apache-2.0
// The files of TensorBoard's events in the folder `tensorboard` of a run.
//
// Note [Points of a resumed run]
// Each process of a run writes a file of its own, whose first events say at which step it begins. A
// checkpoint has the sizes of the files. A resumed run cuts them to these sizes and removes later
// files, so that a reader finds each step once, also for events at the step of the checkpoint that
// came after it. A TensorBoard that was reading meanwhile drops what it has read of later steps,
// because a session begins. A record that a kill has cut off is removed with the rest.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "weft/tensor/state.h"
#include "weft/train/run/logger.h"

namespace weft::train {

class EventFiles {
 public:
  EventFiles() = default;
  ~EventFiles();
  EventFiles(const EventFiles&) = delete;
  EventFiles& operator=(const EventFiles&) = delete;

  // Restores the files of a resumed run, and begins a new one. Throws IoError, and UserError if the
  // folder is a link.
  void begin(const LoggedRun& run);
  bool begun() const { return file_ >= 0; }
  // Adds an event (summary_event.h), as a whole or not at all. Does nothing before begin(). Throws
  // IoError.
  void append(std::string_view event);
  void state(State& s);

 private:
  void restore(const LoggedRun& run);
  void open_next();

  std::filesystem::path folder_;
  std::map<std::string, i64> sizes_;  // in bytes, by file name
  std::string name_;
  int file_ = -1;
};

double wall_time();  // seconds since 1970

}  // namespace weft::train
