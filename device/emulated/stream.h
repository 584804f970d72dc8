// SPDX-License-Identifier: Apache-2.0
// The emulated device's streams: queues of host functions. A created stream runs its work as late
// as is legal, when somebody waits for it, so that a missing wait shows; the default stream runs it
// at once.
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
  double seconds = 0;                         // that its work says it took
  weft::gpu::Recording* recording = nullptr;  // where work goes while there is one
};

namespace weft::emulated {

// Work for a stream. What it throws reaches whoever waits for the stream, and the rest of the queue
// is dropped, as a GPU does after a fault.
void enqueue(StreamHandle stream, std::function<void()> work);

// Work calls it to say how long it would take: gpu::seconds_of() knows no other time.
void pass_time(StreamHandle stream, double seconds);

// How often the host has waited for a stream so far: what a training loop should not do.
u64 waits();

}  // namespace weft::emulated
