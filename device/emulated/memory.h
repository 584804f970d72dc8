// SPDX-License-Identifier: Apache-2.0
// Note [Device memory apart]
// All memory of the emulated device lies in one range of addresses, which the host may not access.
// It is accessible only while a stream works or a copy between host and device is made. A host that
// follows a device pointer ends with SIGSEGV, as with a real GPU. Conversely, a kernel on the
// compute stream that receives a pointer to host memory is refused at its launch. Other streams
// accept such pointers, because tests of kernels use memory that both sides can access.
#pragma once
#include "weft/core/types.h"

namespace weft::emulated {

// Device memory is accessible while an object of this class exists.
class MemoryAccess {
 public:
  MemoryAccess();
  ~MemoryAccess();
  MemoryAccess(const MemoryAccess&) = delete;
  MemoryAccess& operator=(const MemoryAccess&) = delete;
};

bool is_device_memory(const void* pointer);

// Returns the number of bytes that the host has sent to the device so far.
u64 bytes_sent();

// For tests: sets the total memory of the device. An allocation that exceeds it is out of memory.
// Returns the previous limit.
i64 set_memory_limit(i64 bytes);

}  // namespace weft::emulated
