// SPDX-License-Identifier: Apache-2.0
// Note [Where the checkpoints of a run are]
// They are in RUN/checkpoints, or in the folder that `checkpoint.dir` names, which has room for
// them. That folder holds a file run.txt with the path of its run, so two runs cannot share it by
// mistake. A run folder may come from elsewhere: what its config.yaml names is read, and written to
// only if run.txt there names this run or the user's own config gives the folder. RUN/checkpoints
// is never followed if it is a link.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "weft/train/checkpoint/checkpoints.h"

namespace weft::train {

// The options dir, monitor and mode of config.yaml in a run folder; the defaults if it has none.
CheckpointOptions saved_checkpoint_options(const std::filesystem::path& run);

// The folder in which to find the checkpoints of a run. Throws UserError for a link, and if the
// folder of checkpoint.dir is gone.
std::filesystem::path checkpoints_of(const std::filesystem::path& run);

// The folder in which a run saves, where `dir` is checkpoint.dir of the user's config, which may be
// empty. Makes nothing. Throws UserError if another run saves there, if it holds a run.txt or links
// last and best of something else, if it or the run lies in a checkpoint, and for a new run
// (`continues` is false) if it holds checkpoints.
std::filesystem::path place_to_save(const std::filesystem::path& run, const std::string& dir,
                                    bool continues);
// Whether run.txt in the folder names this run.
bool is_owned_by(const std::filesystem::path& place, const std::filesystem::path& run);
// Makes the folder and marks it as that of the run.
void claim_place(const std::filesystem::path& place, const std::filesystem::path& run);

// The run folder that a checkpoint belongs to; nothing for a checkpoint that lies alone.
std::optional<std::filesystem::path> run_of_checkpoint(const std::filesystem::path& checkpoint);

// The folder of a checkpoint: "last", "best" or "step-N". The last one is the newest by its name
// (Note [The links last and best]). Throws UserError if there is none, or if the manifest is
// missing; `last` then is not taken to be an older one. `best` is the best of those of which all
// files verify; those of the others are not verified.
std::filesystem::path find_checkpoint(const std::filesystem::path& run, const std::string& name);

}  // namespace weft::train
