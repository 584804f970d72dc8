// SPDX-License-Identifier: Apache-2.0
// Finds the checkpoint that a run resumes from (`resume: never | auto | PATH`), and checks that the
// config differs from the saved one only where that is allowed.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/checkpoint/checkpoints.h"
#include "weft/train/run/run_config.h"

namespace weft::train {

struct Resume {
  std::shared_ptr<const CheckpointReader> from = {};  // null: a new run
  CheckpointName name = {};  // in the folder of its run; {} for one outside a run folder
  std::vector<CheckpointName> seen = {};  // all checkpoints of the folder
  std::string folder = {};  // the folder in which the run continues; empty: a new one at run.dir
  std::string run = {};     // the folder with the logs up to the checkpoint
  // Whether the run of the checkpoint has ended for good. One that train.max_steps has ended goes
  // on if the config allows more steps.
  bool over = false;
};

// never: starts a new run. auto: resumes from the newest checkpoint in run.dir that verifies; each
// one that does not is a warning with the reason. PATH: resumes from this checkpoint, or from the
// newest of this run folder. The run continues in the folder of the checkpoint if run.dir is empty
// or the same folder, and otherwise in a new folder. Throws UserError when there are checkpoints
// and none verifies, when PATH is not a checkpoint, when its folder has newer good ones, and for a
// change of the config that is not allowed (check_changes). Throws IoError when a checkpoint cannot
// be read, because it may be the newest good one.
Resume find_resume(const RunConfig& config);

// What find_resume() gave on rank 0, as text for the other ranks, and the same there, where nothing
// is written. opened_resume() throws if this rank cannot read the checkpoint.
std::string text_of(const Resume& resume);
Resume opened_resume(const std::string& text);

// Compares two configs. train.epochs, train.max_steps, checkpoint.*, loggers and dist.* may change,
// and so may the keys of machine and file locations (kPlaces), and the times and metrics of
// validations that nothing but the log depends on. optimizer.*, scheduler.* and plugins may change
// where resume_override names the key or its section. A list of strategies equals a chain of them.
// Logs the allowed changes. Throws one UserError that lists all others.
void check_changes(RunConfig before, RunConfig after);

// The differences between two environments (train/checkpoint/environment.h) that may change the
// bits of a result: "threads 4 -> 2, …"; empty if there are none.
std::string not_bit_exact(const std::map<std::string, std::string>& before,
                          const std::map<std::string, std::string>& now);

}  // namespace weft::train
