// SPDX-License-Identifier: Apache-2.0
// Reads and verifies a checkpoint on the disk, as Orchestrator::save() wrote it.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weft/nn/safetensors.h"
#include "weft/tensor/state.h"
#include "weft/train/checkpoint/manifest.h"

namespace weft::train {

inline constexpr const char* kModelFile = "model.safetensors";
// The file of other weights: of averaged ones (ema), or of a further model (teacher).
inline std::string weights_file(const std::string& name) { return name + ".safetensors"; }
inline constexpr const char* kOptimizerFile = "optimizer.safetensors";
inline constexpr const char* kTrainerStateFile = "trainer_state.json";

// The contents of trainer_state.json beside the state of each part.
struct CheckpointAbout {
  i64 epoch = 0, batch = 0;   // epochs done, and batches done of the next epoch
  i64 step = 0, samples = 0;  // since the run began
  std::string ended = {};     // the reason, if a callback or train.max_steps ended the run
  std::map<std::string, double> metrics = {};           // of a validation at this step, if any
  std::map<std::string, std::string> environment = {};  // train/checkpoint/environment.h
  std::map<std::string, i64> logs = {};       // log of the run folder -> its size in bytes
  std::map<std::string, i64> log_lines = {};  // and in lines; older checkpoints do not have it
  std::string config = {};                    // resolved, as YAML
  std::string data_place = {};  // data::TrainAndTest::place; empty in older checkpoints
};
// The logs whose size a checkpoint has.
inline constexpr const char* kMetricsLines = "metrics.jsonl";
inline constexpr const char* kMetricsTable = "metrics.csv";
using StateParts = std::map<std::string, StateRecord>;  // "trainer", "callbacks.0.ema", …

// The text of trainer_state.json. Adds the tensors of the parts to `tensors` under "part.path".
std::string trainer_state_text(const CheckpointAbout& about, const StateParts& parts,
                               TensorMap& tensors);

class CheckpointReader {
 public:
  // Verifies all files. Throws UserError that names the folder, what was found and what is
  // required, and IoError if a file cannot be read.
  explicit CheckpointReader(std::filesystem::path folder);

  const std::filesystem::path& folder() const { return folder_; }
  const CheckpointAbout& about() const { return about_; }
  // The path of a file. Throws UserError unless the manifest lists it: another was not verified.
  std::string file(const std::string& name) const;
  // The saved state of a part. Throws UserError if there is none.
  const StateRecord& part(const std::string& name) const;
  bool has(const std::string& name) const { return parts_.contains(name); }
  std::vector<std::string> parts() const;

 private:
  std::filesystem::path folder_;
  Manifest manifest_;
  CheckpointAbout about_;
  StateParts parts_;
};

// The metrics of a checkpoint, to choose the best one, and the recorded place of its data, which is
// empty in older checkpoints. Both verify trainer_state.json alone, and throw what the constructor
// of CheckpointReader throws.
std::map<std::string, double> metrics_of_checkpoint(const std::filesystem::path& folder);
std::string data_place_of_checkpoint(const std::filesystem::path& folder);
// The step that the checkpoint is of, by its content; nothing if that does not verify.
std::optional<i64> step_of_checkpoint(const std::filesystem::path& folder);

}  // namespace weft::train
