// SPDX-License-Identifier: Apache-2.0
// A caching allocator: freed blocks are kept by size class and reused, so a training step in steady
// state allocates nothing from the system. Thread-safe.
//
// A block is 64-byte aligned. Sizes are rounded up to one of eight classes per power of two
// (at most 12.5 % waste), and a large block may come from a larger class (Note [Larger blocks]
// in size_class.h).
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft {

struct AllocatorCounters {
  i64 bytes_in_use = 0;  // allocated and not yet freed; of a request, its block
  i64 peak_bytes_in_use = 0;
  i64 bytes_cached = 0;        // freed and kept
  i64 system_allocations = 0;  // allocations from the system: constant in steady state
  i64 allocations = 0;         // calls that returned a block
};

// The memory is uninitialised. Zero bytes yield a null pointer. Throws InternalError, with the
// requested size and the memory in use, if the system has no more memory.
void* allocate(const Device& device, i64 bytes);
// `bytes` must be the value that was given to allocate().
void deallocate(const Device& device, void* block, i64 bytes) noexcept;

AllocatorCounters allocator_counters(const Device& device);
void reset_peak(const Device& device);
// Returns all cached blocks to the system.
void release_cached(const Device& device);

// For tests: while on, every block is filled with bytes of 0xff (NaN in each floating dtype, −1 in
// each signed one) when it is allocated and when it is freed. Returns the previous state.
bool set_allocator_poison(bool on);

}  // namespace weft
