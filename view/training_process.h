// SPDX-License-Identifier: Apache-2.0
// The process that trains a run, if it runs on this machine and under this user.
#pragma once
#include <filesystem>
#include <optional>

#include "weft/core/types.h"

namespace weft::view {

struct TrainingProcess {
  i64 pid = 0;
  i64 memory_bytes = 0;  // resident; 0 if /proc does not say
};

// The process that holds the lock of the run's folder (train/run/run_folder.h). Takes no lock
// itself. None if nobody holds it, if the process is on another machine, in another container or of
// another user, and on a system without /proc.
std::optional<TrainingProcess> training_process(const std::filesystem::path& run);

}  // namespace weft::view
