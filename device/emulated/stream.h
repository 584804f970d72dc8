// SPDX-License-Identifier: Apache-2.0
// The emulated device's streams: queues of host functions. A created stream runs its work as late as is
// legal, when somebody waits for it, so that a missing wait shows; the default stream runs it at once.
#pragma once
#include <deque>
#include <functional>
#include <string>

#include "weft/core/types.h"
#include "weft/device/device.h"

struct CUstream_st {
  bool late = true;
  weft::u64 given = 0, done = 0;  // pieces of work
  std::deque<std::function<void()>> queue;
};

namespace weft::emulated {

// Work for a stream. What it throws reaches whoever waits for the stream, and the rest of the queue is
// dropped, as a GPU does after a fault.
void enqueue(StreamHandle stream, std::function<void()> work);

// For tests: what the device has in all; what does not fit is out of memory. Returns the limit before.
i64 set_memory_limit(i64 bytes);

}  // namespace weft::emulated
