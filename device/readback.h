// SPDX-License-Identifier: Apache-2.0
// A few bytes that a device sends to the host while the host goes on: they are asked for now and
// read when they are needed. The CPU's are copied at once.
#pragma once
#include <memory>

#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft {

// Not thread-safe.
class Readback {
 public:
  virtual ~Readback() = default;  // waits
  // The bytes at `from`, as they are when the stream has come by; in place of those asked for
  // before. Throws UserError while a graph is recorded.
  virtual void start(const void* from) = 0;
  // Waits until they are there; they stay until the next start(). Throws InternalError for what
  // failed on the device.
  virtual const void* wait() = 0;
};
// In the order of the device's stream. The overload for a GPU is only in builds that have one.
std::unique_ptr<Readback> make_readback(Cpu device, i64 bytes);
std::unique_ptr<Readback> make_readback(Cuda device, i64 bytes);
std::unique_ptr<Readback> make_readback(const Device& device, i64 bytes);

}  // namespace weft
