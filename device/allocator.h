// SPDX-License-Identifier: Apache-2.0
// Caching allocator: freed blocks are kept by size class and handed out again, so a training step
// in steady state asks the system for nothing. Thread-safe.
//
// A block is 64-byte aligned. Sizes are rounded up to one of eight classes per power of two
// (at most 12.5 % waste).
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft {

struct AllocatorCounters {
  i64 bytes_in_use = 0;  // handed out and not returned, rounded up to size classes
  i64 peak_bytes_in_use = 0;
  i64 bytes_cached = 0;        // returned and kept
  i64 system_allocations = 0;  // times the system was asked: constant in steady state
  i64 allocations = 0;         // times a block was handed out
};

// Memory is uninitialised. Zero bytes give a null pointer.
// Throws InternalError naming the size and what is in use when the system has no more.
void* allocate(const Device& device, i64 bytes);
// `bytes` as given to allocate().
void deallocate(const Device& device, void* block, i64 bytes) noexcept;

AllocatorCounters allocator_counters(const Device& device);
void reset_peak(const Device& device);
// Gives all cached blocks back to the system.
void release_cached(const Device& device);

// For tests: while on, every block is filled with bytes of 0xff (NaN in each floating dtype, −1 in
// each signed one) when it is handed out and when it comes back. Returns the state before.
bool set_allocator_poison(bool on);

}  // namespace weft
