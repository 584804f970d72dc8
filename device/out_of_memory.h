// SPDX-License-Identifier: Apache-2.0
// Running out of memory: an error of its own, because a training step that fails with it can be
// made again in smaller parts (train/trainer/trainer.h).
#pragma once
#include "weft/core/error.h"
#include "weft/core/types.h"

namespace weft {

// What allocate() throws. Nothing was handed out, and cached blocks are with the system again.
class OutOfMemory : public InternalError {
 public:
  using InternalError::InternalError;
};

// For tests: what the CPU has for tensors in all, in bytes, cached blocks included, of which there
// are none at first; 0: no limit. Returns the limit before.
i64 set_cpu_memory_limit(i64 bytes);

}  // namespace weft
