// SPDX-License-Identifier: Apache-2.0
// What a run goes on from, as its config says (`resume: never | auto | PATH`), and what may have
// changed since.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/checkpoint/checkpoints.h"
#include "weft/train/run/run_config.h"

namespace weft::train {

struct Resume {
  std::shared_ptr<const CheckpointReader> from = {};  // null: the beginning
  CheckpointName name = {};  // in the folder of its run; {} for one that lies elsewhere
  std::vector<CheckpointName> seen = {};  // all that were in the folder
  std::string folder = {};  // to go on in, which holds the run; empty: a new one, as run.dir says
};

// never: nothing. auto: the newest checkpoint in run.dir that verifies; those that do not are
// warnings, with the reason. PATH: a checkpoint, or a run folder and its newest; without run.dir,
// or with the one that it is in, the run goes on there, and otherwise in a new folder. Throws
// UserError when there are checkpoints and none verifies, when PATH is none, when its folder has
// newer ones that are good, and for a change of the config that is not allowed (check_changes).
Resume find_resume(const RunConfig& config);

// train.epochs, checkpoint.* and logging.* may change; optimizer.* and scheduler.* where
// resume_override names the key or its section; where the run runs and reads its files from
// (kPlaces) always. A list of strategies and a chain of them are the same. Logs what did change.
// Throws one UserError that lists all the rest.
void check_changes(RunConfig before, RunConfig after);

// What differs between two environments (train/checkpoint/environment.h), so that the same run need
// not give the same bits in both: "threads 4 -> 2, …"; empty if nothing does.
std::string not_bit_exact(const std::map<std::string, std::string>& before,
                          const std::map<std::string, std::string>& now);

}  // namespace weft::train
