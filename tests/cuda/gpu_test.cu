// SPDX-License-Identifier: Apache-2.0
// Tests of the GPU's runtime layer, real or emulated.
#include "weft/device/gpu/gpu.h"

#include <vector>

#include <gtest/gtest.h>

#include "weft/device/gpu/allocator.h"
#include "weft/device/gpu/staging.h"
#include "weft/kernels/common/device.h"

namespace weft {
namespace {

__global__ void add_one(int* x, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) x[i] += 1;
}

TEST(Stream, KeepsTheOrderOfCopiesAndKernels) {
  const gpu::Stream stream;
  int* x = static_cast<int*>(gpu::allocator().allocate(stream.handle(), 100 * sizeof(int)));
  std::vector<int> host(100, 5);
  gpu::copy_to_device(stream.handle(), x, host.data(), 400);
  host.assign(100, -1);  // the copy has the values at the time of the call
  launch<add_one>({.grid = 4, .block = 32, .stream = stream.handle()}, x, 100);
  gpu::set_bytes(stream.handle(), x, 0, 4);
  launch<add_one>({.grid = 4, .block = 32, .stream = stream.handle()}, x, 100);
  gpu::copy_to_host(stream.handle(), host.data(), x, 400);
  EXPECT_EQ(host[0], 1);
  EXPECT_EQ(host[1], 7);
  EXPECT_EQ(host[99], 7);
  gpu::allocator().deallocate(stream.handle(), x, 400);
}

TEST(Stream, OneIsOrderedBehindAnother) {
  const gpu::Stream first, second;
  auto* block = static_cast<u8*>(gpu::allocator().allocate(first.handle(), 4));
  gpu::set_bytes(first.handle(), block, 1, 4);
  gpu::order(first.handle(), second.handle());
  u8 bytes[4] = {};
  gpu::copy_to_host(second.handle(), bytes, block, 4);
  EXPECT_EQ(bytes[3], 1);
  gpu::allocator().deallocate(first.handle(), block, 4);
}

TEST(Event, OrdersTwoStreams) {
  gpu::Stream first, second;
  gpu::Event event;
  EXPECT_TRUE(event.done());  // never recorded
  event.synchronize();
  int* x = static_cast<int*>(gpu::allocator().allocate(first.handle(), sizeof(int)));
  const int start = 1;
  gpu::copy_to_device(first.handle(), x, &start, 4);
  launch<add_one>({.grid = 1, .block = 32, .stream = first.handle()}, x, 1);
  event.record(first.handle());
  second.wait(event);
  launch<add_one>({.grid = 1, .block = 32, .stream = second.handle()}, x, 1);
  int result = 0;
  gpu::copy_to_host(second.handle(), &result, x, 4);
  EXPECT_EQ(result, 3);
  EXPECT_TRUE(event.done());
  gpu::allocator().deallocate(first.handle(), x, 4);
}

TEST(Staging, KeepsWhatItWasGivenUntilItIsCopied) {
  const gpu::Stream stream;
  gpu::Staging staging(2, 16);
  std::vector<int*> blocks;
  std::vector<int> host(300);
  for (int i = 0; i < 7; ++i) {  // more sends than buffers, of growing sizes
    const i64 bytes = i64{i} * 50 * static_cast<i64>(sizeof(int));
    blocks.push_back(static_cast<int*>(gpu::allocator().allocate(stream.handle(), 1200)));
    host.assign(300, i);
    staging.send(stream.handle(), blocks.back(), host.data(), bytes);
  }
  for (int i = 0; i < 7; ++i) {
    std::vector<int> copy(static_cast<std::size_t>(i * 50));
    const i64 bytes = static_cast<i64>(copy.size() * sizeof(int));
    gpu::copy_to_host(stream.handle(), copy.data(), blocks[static_cast<std::size_t>(i)], bytes);
    EXPECT_EQ(copy, std::vector<int>(copy.size(), i));
    gpu::allocator().deallocate(stream.handle(), blocks[static_cast<std::size_t>(i)], 1200);
  }
}

TEST(GpuAllocator, ReusesAStreamsBlocksAtOnce) {
  const gpu::Stream stream;
  gpu::Allocator allocator;
  EXPECT_EQ(allocator.allocate(stream.handle(), 0), nullptr);
  allocator.deallocate(stream.handle(), nullptr, 0);
  void* const first = allocator.allocate(stream.handle(), 1000);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 256, 0u);
  EXPECT_EQ(allocator.counters().bytes_in_use, 1024);
  void* const second = allocator.allocate(stream.handle(), 1000);
  EXPECT_NE(first, second);
  allocator.deallocate(stream.handle(), first, 1000);
  EXPECT_EQ(allocator.counters().bytes_cached, 1024);
  EXPECT_EQ(allocator.allocate(stream.handle(), 1020), first);  // the same size class
  const AllocatorCounters counters = allocator.counters();
  EXPECT_EQ(counters.system_allocations, 2);
  EXPECT_EQ(counters.allocations, 3);
  EXPECT_EQ(counters.peak_bytes_in_use, 2048);
  allocator.deallocate(stream.handle(), first, 1020);
  allocator.deallocate(stream.handle(), second, 1000);
  allocator.reset_peak();
  EXPECT_EQ(allocator.counters().peak_bytes_in_use, 0);
  allocator.release_cached();
  EXPECT_EQ(allocator.counters().bytes_cached, 0);
}

TEST(GpuAllocator, GivesNoStreamAnothersBlocks) {
  const gpu::Stream one, other;
  gpu::Allocator allocator;
  void* const first = allocator.allocate(one.handle(), 512);
  allocator.deallocate(one.handle(), first, 512);
  void* const second = allocator.allocate(other.handle(), 512);
  EXPECT_NE(first, second);
  EXPECT_EQ(allocator.counters().system_allocations, 2);
  allocator.deallocate(other.handle(), second, 512);
  allocator.release_cached();
}

}  // namespace
}  // namespace weft
