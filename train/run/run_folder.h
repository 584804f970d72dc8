// SPDX-License-Identifier: Apache-2.0
// The folder of a run:
//
//   config.yaml         the resolved config; training with it repeats the run
//   overrides.txt       the overrides of the command line
//   environment.json    versions, machine, threads
//   log.txt             the printed output
//   metrics.jsonl       one object per event; metrics.csv has the epochs as a table
//   checkpoints/step-N/ model.safetensors, optimizer.safetensors, trainer_state.json,
//                       manifest.json; links last and best
//   tensorboard/        event files, with the logger tensorboard (train/loggers/event_files.h)
//   wandb/              files of W&B and bridge.log, with the logger wandb
//   stream/             the records of a stream that were acknowledged (data/stream/journal.h)
//
// A folder that holds a run, or anything else, is never overwritten. A resumed run continues in it.
// One process at a time writes to a folder and holds a lock on its file .lock. The folder may come
// from elsewhere, so none of its files is followed if it is a link.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weft/core/files.h"
#include "weft/core/types.h"

namespace weft::train {

class RunFolder {
 public:
  // Makes the folder `dir`, or runs/<name>/<date>-<time> if `dir` is empty, and the link
  // runs/latest. Throws UserError when the folder already holds a run or other files (the message
  // names the alternatives) or cannot be written.
  static RunFolder create(const std::string& dir, const std::string& name);
  // Opens the folder of a resumed run, or makes it if it does not exist. Throws UserError when
  // another process writes to it, and when one of its files is a link.
  static RunFolder reuse(const std::string& dir);
  // The folder of a run that another process writes: write(), cut() and append() do nothing.
  static RunFolder of_another_process(const std::string& dir);
  // Opens an existing run for reading. Throws UserError that names missing files.
  static RunFolder open(const std::string& dir);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path file(const std::string& name) const { return path_ / name; }
  // The weights file of a checkpoint: "last", "best" or "step-N" (find_checkpoint). `weights` names
  // the weights: model, or ema for the averaged ones. Throws UserError that lists the existing
  // checkpoints, or that says that this one has no such weights.
  std::filesystem::path weights(const std::string& checkpoint,
                                const std::string& weights = "model") const;

  // Replaces a file. Like append(), it throws IoError also when the folder was moved or removed.
  void write(const std::string& name, const std::string& text) const;
  // The size of a file in bytes; 0 if it does not exist.
  i64 size(const std::string& name) const;
  // Cuts a file to its first `bytes`; 0 removes it. Throws IoError.
  void cut(const std::string& name, i64 bytes) const;
  // Renames a file to NAME.before-1, or the next number that is free. Returns the new name. Throws
  // IoError.
  std::string keep_aside(const std::string& name) const;
  // Removes what create() and the run have made, if the run does not begin after all, so that the
  // same command can be given again. Files of something else stay, and the folder with them. Does
  // nothing in the folder of a resumed run.
  void discard();
  // Allows another process to continue the run.
  void unlock() { lock_.reset(); }
  // Adds a line, as a whole or not at all, and hands it to the operating system. Throws IoError.
  void append(const std::string& name, const std::string& line) const;

 private:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
  void lock();
  std::filesystem::path path_;
  SameFolder same_;  // of a run that this process writes
  std::shared_ptr<const void> lock_;
  bool writes_ = true;
  bool began_ = false, made_ = false;    // the run, and its folder, by create()
  std::filesystem::path latest_before_;  // where runs/latest led to
};

// Throws UserError if a file that a user names as an output would replace a file of a run, or lie
// in a checkpoint. Follows links.
void check_output(const std::string& file);

}  // namespace weft::train
