// SPDX-License-Identifier: Apache-2.0
// Note [Device memory apart]
// All memory of the emulated device lies in one range of addresses, which the host may not access.
// It is accessible only while a stream works or a copy between host and device is made. A host that
// follows a device pointer ends with SIGSEGV, as with a real GPU. Conversely, a kernel that
// receives a pointer to host memory is refused at its launch. Tests of kernels use memory that both
// sides can access (testing/kernel_test.h), so that AddressSanitizer guards its bounds; they lend
// it to the device.
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

// Whether the pointer is to device memory or to lent memory, or just behind lent memory.
bool is_device_memory(const void* pointer);

// Memory of a test that kernels may access. It must be returned before it is freed.
void lend_memory(const void* begin, i64 bytes);
void return_memory(const void* begin);

// Returns the number of bytes that the host has sent to the device so far.
u64 bytes_sent();

// For tests: sets the total memory of the device. An allocation that exceeds it is out of memory.
// Returns the previous limit.
i64 set_memory_limit(i64 bytes);

}  // namespace weft::emulated
