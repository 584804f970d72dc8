// SPDX-License-Identifier: Apache-2.0
// Sends a few bytes from a device to the host without blocking: the host requests them now and
// reads them when it needs them. Bytes of the CPU are copied at once.
#pragma once
#include <memory>

#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft {

// Not thread-safe.
class Readback {
 public:
  virtual ~Readback() = default;  // waits
  // Requests the bytes at `from`, with the values that they have when the stream reaches this
  // point. The request replaces an earlier one. Throws UserError while a graph is recorded.
  virtual void start(const void* from) = 0;
  // Waits until the bytes have arrived. They stay valid until the next start(). Throws
  // InternalError for a failure on the device.
  virtual const void* wait() = 0;
};
// The readback is ordered on the device's stream. Only builds with a GPU have the GPU's overload.
std::unique_ptr<Readback> make_readback(Cpu device, i64 bytes);
std::unique_ptr<Readback> make_readback(Cuda device, i64 bytes);
std::unique_ptr<Readback> make_readback(const Device& device, i64 bytes);

}  // namespace weft
