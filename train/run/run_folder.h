// SPDX-License-Identifier: Apache-2.0
// The folder of a run:
//
//   config.yaml         the resolved config: training from it repeats the run
//   overrides.txt       what the command line changed
//   environment.json    versions, machine, threads
//   log.txt             what was printed
//   metrics.jsonl       one object per epoch; metrics.csv the same as a table
//   checkpoints/step-N/ model.safetensors, optimizer.safetensors, trainer_state.json,
//   manifest.json;
//   links last and best
//
// A folder that holds a run is never overwritten; a run that is resumed goes on in it. One process
// at a time writes to a folder: the file .lock is locked while it does.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weft/core/types.h"

namespace weft::train {

class RunFolder {
 public:
  // Makes the folder: `dir`, or runs/<name>/<date>-<time> when it is empty, with the link
  // runs/latest. Throws UserError when it holds a run already (naming the ways out) or cannot be
  // written.
  static RunFolder create(const std::string& dir, const std::string& name);
  // The folder of a run that goes on; made if it is not there. Throws UserError when another
  // process writes to it.
  static RunFolder reuse(const std::string& dir);
  // An existing run, to read. Throws UserError, saying what is missing.
  static RunFolder open(const std::string& dir);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path file(const std::string& name) const { return path_ / name; }
  // The weights of a checkpoint, "last", "best" or "step-N". Throws UserError listing what there
  // is.
  std::filesystem::path weights(const std::string& checkpoint) const;

  void write(const std::string& name, const std::string& text) const;
  // Bytes of a file; 0 where there is none.
  i64 size(const std::string& name) const;
  // Cuts a file to its first `bytes`, which must be there (UserError); 0: removes it.
  void cut(const std::string& name, i64 bytes) const;
  // Lets another process go on with the run.
  void unlock() { lock_.reset(); }
  // Adds a line and hands it to the system at once.
  void append(const std::string& name, const std::string& line) const;

 private:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
  void lock();
  std::filesystem::path path_;
  std::shared_ptr<const void> lock_;
};

}  // namespace weft::train
