// SPDX-License-Identifier: Apache-2.0
// The functions behind device.h and allocator.h, for each device. Those of the GPU are defined in
// device/gpu/backend.cpp, so that a build without a GPU needs no stubs.
#pragma once
#include "weft/device/allocator.h"
#include "weft/device/device.h"

namespace weft::detail {

inline void wait_for(Cpu) {}
void wait_for(Cuda device);

void* allocate(Cpu, i64 bytes);
void* allocate(Cuda device, i64 bytes);
void deallocate(Cpu, void* block, i64 bytes) noexcept;
void deallocate(Cuda device, void* block, i64 bytes) noexcept;
AllocatorCounters counters(Cpu);
AllocatorCounters counters(Cuda);
void reset_peak(Cpu);
void reset_peak(Cuda);
void release_cached(Cpu);
void release_cached(Cuda);

// Returns true if blocks must be filled with 0xff (set_allocator_poison).
bool poisoning();

}  // namespace weft::detail
