// SPDX-License-Identifier: Apache-2.0
// What device.h and allocator.h do, device by device. The GPU's are in device/gpu/backend.cpp, so
// that a build without one needs no stubs.
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

// Whether blocks are to be filled with 0xff (set_allocator_poison).
bool poisoning();

}  // namespace weft::detail
