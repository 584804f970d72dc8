// SPDX-License-Identifier: Apache-2.0
// Running out of memory has an error of its own, because a training step that fails with it can be
// repeated in smaller parts (train/trainer/trainer.h).
#pragma once
#include "weft/core/error.h"
#include "weft/core/types.h"

namespace weft {

// Thrown by allocate(). Nothing was allocated, and the cached blocks were returned to the system.
class OutOfMemory : public InternalError {
 public:
  using InternalError::InternalError;
};

// For tests: limits the CPU memory for tensors, in bytes. Cached blocks count too; there are none
// when the limit is set. Returns the previous limit, which is the machine's memory at first
// (device/machine_memory.h).
i64 set_cpu_memory_limit(i64 bytes);

}  // namespace weft
