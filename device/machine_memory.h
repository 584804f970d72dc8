// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/core/types.h"

namespace weft {

// The bytes that this process may use at most: the machine's memory with its swap space, or a lower
// limit of a control group that the process is in (cgroup v1 and v2; containers and SLURM set one).
// Other processes may hold a part of them.
i64 machine_memory();

}  // namespace weft
