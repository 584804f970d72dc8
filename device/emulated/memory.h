// SPDX-License-Identifier: Apache-2.0
// Note [Device memory apart]
// All memory of the emulated device lies in one range of addresses, which is out of bounds for the
// host: only while a stream works, or a copy between host and device is made, may it be touched. A
// host that follows a device pointer ends with SIGSEGV, as it would with a real GPU. The other way
// round, a kernel on the stream of tensors that is given a pointer to host memory is refused at its
// launch; other streams take it, because tests of kernels hand out memory that both sides see.
#pragma once
#include "weft/core/types.h"

namespace weft::emulated {

// Device memory may be touched while one lives.
class MemoryAccess {
 public:
  MemoryAccess();
  ~MemoryAccess();
  MemoryAccess(const MemoryAccess&) = delete;
  MemoryAccess& operator=(const MemoryAccess&) = delete;
};

bool is_device_memory(const void* pointer);

// What the host has sent to the device so far.
u64 bytes_sent();

// For tests: what the device has in all; what does not fit is out of memory. Returns the limit
// before.
i64 set_memory_limit(i64 bytes);

}  // namespace weft::emulated
