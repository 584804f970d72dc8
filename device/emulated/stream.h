// SPDX-License-Identifier: Apache-2.0
// The emulated device's streams are queues of host functions. A created stream runs its work as
// late as is legal, when the host waits for it, so that a missing wait becomes visible. The default
// stream runs its work at once.
#pragma once
#include <deque>
#include <functional>
#include <string>

#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft::gpu {
struct Recording;
}

struct CUstream_st {
  bool late = true;
  weft::u64 given = 0, done = 0;  // pieces of work
  std::deque<std::function<void()>> queue;
  double seconds = 0;                         // as reported by its work
  weft::gpu::Recording* recording = nullptr;  // takes the work while it is not null
};

namespace weft::emulated {

// Queues work on a stream. An exception of the work reaches the caller that waits for the stream,
// and the rest of the queue is dropped, as on a GPU after a fault.
void enqueue(StreamHandle stream, std::function<void()> work);

// Reports how long a piece of work would take. Work calls it, and gpu::seconds_of() counts no other
// time.
void pass_time(StreamHandle stream, double seconds);

// Returns how often the host has waited for a stream so far. A training loop should not wait.
u64 waits();

}  // namespace weft::emulated
