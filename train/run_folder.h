// SPDX-License-Identifier: Apache-2.0
// The folder of a run:
//
//   config.yaml         the resolved config: training from it repeats the run
//   overrides.txt       what the command line changed
//   environment.json    versions, machine, threads
//   log.txt             what was printed
//   metrics.jsonl       one object per epoch; metrics.csv the same as a table
//   checkpoints/step-N/model.safetensors, trainer_state.json; links last and best
//
// A folder that holds a run is never overwritten.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "weft/core/types.h"

namespace weft::train {

class RunFolder {
 public:
  // Makes the folder: `dir`, or runs/<name>/<date>-<time> when it is empty, with the link runs/latest.
  // Throws UserError when it holds a run already (naming the ways out) or cannot be written.
  static RunFolder create(const std::string& dir, const std::string& name);
  // An existing run. Throws UserError, saying what is missing.
  static RunFolder open(const std::string& dir);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path file(const std::string& name) const { return path_ / name; }
  // The weights of a checkpoint, "last", "best" or "step-N". Throws UserError listing what there is.
  std::filesystem::path weights(const std::string& checkpoint) const;

  void write(const std::string& name, const std::string& text) const;
  // Adds a line and hands it to the system at once.
  void append(const std::string& name, const std::string& line) const;

 private:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace weft::train
