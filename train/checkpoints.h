// SPDX-License-Identifier: Apache-2.0
// The checkpoints of a run: checkpoints/step-N/ with model.safetensors and trainer_state.json, and the
// links last and best. A checkpoint is written under a temporary name and renamed when it is whole.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "weft/nn/module.h"
#include "weft/train/callback.h"
#include "weft/train/run_config.h"
#include "weft/train/run_folder.h"

namespace weft::train {

class Checkpoints {
 public:
  // `metadata` goes into each weights file: what is needed to use it alone.
  Checkpoints(const RunFolder& folder, const CheckpointSection& options,
              std::map<std::string, std::string> metadata);

  // Throws UserError when the monitored metric is not among the report's. `add_files` may write more into
  // the folder before it is complete.
  void save(nn::Module& model, const EpochReport& report,
            const std::function<void(const std::filesystem::path&)>& add_files = {});

 private:
  struct Saved {
    std::string name;
    double score;
  };
  void retire();
  void link(const std::string& name, const std::string& target) const;

  std::filesystem::path path_;
  CheckpointSection options_;
  std::map<std::string, std::string> metadata_;
  std::vector<Saved> saved_;  // oldest first
};

}  // namespace weft::train
