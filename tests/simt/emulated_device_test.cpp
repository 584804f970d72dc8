// SPDX-License-Identifier: Apache-2.0
// Tests of behaviour that only the emulated device can show: late execution of work, faults that
// are reported later, and memory that runs out.
#include "weft/device/emulated/memory.h"
#include "weft/device/gpu/allocator.h"
#include "weft/device/gpu/gpu.h"
#include "weft/kernels/common/device.h"
#include "weft/tests/simt/planted_bugs.cuh"
#include "weft/tests/simt/simt_test_tools.h"

namespace weft::testing {
namespace {

__global__ void write(int* x, int value) { *x = value; }

TEST(EmulatedStream, RunsNothingBeforeItMust) {
  gpu::Stream stream;
  gpu::Event event;
  DeviceArray<int> seen(std::vector<int>{0});
  launch<write>({.stream = stream.handle()}, seen.data(), 1);
  event.record(stream.handle());
  launch<write>({.stream = stream.handle()}, seen.data(), 2);
  EXPECT_EQ(seen.host()[0], 0);
  EXPECT_FALSE(event.done());
  event.synchronize();
  EXPECT_EQ(seen.host()[0], 1) << "an event waits for what came before it, and no more";
  gpu::synchronize(stream.handle());
  EXPECT_EQ(seen.host()[0], 2);
}

TEST(EmulatedStream, AMissingWaitShows) {
  gpu::Stream producer, consumer;
  const auto copied = [&](bool wait) {
    DeviceArray<int> value(std::vector<int>{0});
    int copy = -1;
    gpu::Event event;
    launch<write>({.stream = producer.handle()}, value.data(), 7);
    event.record(producer.handle());
    if (wait) consumer.wait(event);
    gpu::copy_to_host(consumer.handle(), &copy, value.data(), 4);
    gpu::synchronize_all();
    return copy;
  };
  EXPECT_EQ(copied(true), 7);
  EXPECT_EQ(copied(false), 0);
}

TEST(EmulatedStream, TheDefaultStreamRunsAtOnce) {
  DeviceArray<int> seen(std::vector<int>{0});
  launch<write>({}, seen.data(), 1);
  EXPECT_EQ(seen.host()[0], 1);
}

TEST(EmulatedStream, AFaultSurfacesWhereSomebodyWaitsAndNamesTheLaunch) {
  gpu::Stream stream;
  DeviceArray<int> seen(std::vector<int>{0});
  launch<bugs::traps>({.block = 32, .stream = stream.handle()}, 3);
  launch<write>({.stream = stream.handle()}, seen.data(), 1);
  const auto error = kernel_error([&] { gpu::synchronize(stream.handle()); });
  EXPECT_FAULT(error, simt::Fault::trap);
  EXPECT_SAYS(error, "kernel weft::bugs::traps");
  EXPECT_SAYS(error, "launched at emulated_device_test.cpp:");
  gpu::synchronize(stream.handle());
  EXPECT_EQ(seen.host()[0], 0) << "what was queued behind a fault is dropped";
  launch<write>({.stream = stream.handle()}, seen.data(), 2);
  gpu::synchronize(stream.handle());
  EXPECT_EQ(seen.host()[0], 2);
}

TEST(EmulatedStream, AnImpossibleLaunchIsReportedAtOnce) {
  gpu::Stream stream;
  const auto error =
      kernel_error([&] { launch<bugs::traps>({.block = 4096, .stream = stream.handle()}, 3); });
  EXPECT_FAULT(error, simt::Fault::bad_launch);
}

// Limits the memory for one test to `bytes` above the memory in use.
class MemoryLimit {
 public:
  explicit MemoryLimit(i64 bytes) {
    const gpu::MemoryInfo info = gpu::memory_info();
    before_ = emulated::set_memory_limit(info.total_bytes - info.free_bytes + bytes);
  }
  ~MemoryLimit() { emulated::set_memory_limit(before_); }
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

 private:
  i64 before_;
};

TEST(EmulatedMemory, WhatIsCachedIsGivenBackBeforeMemoryRunsOut) {
  gpu::Allocator allocator;
  const MemoryLimit limit(4096);
  void* const block = allocator.allocate(nullptr, 4096);
  allocator.deallocate(nullptr, block, 4096);
  void* const other = allocator.allocate(nullptr, 2048);  // another size class: not from the cache
  EXPECT_NE(other, nullptr);
  EXPECT_EQ(allocator.counters().bytes_cached, 0);
  allocator.deallocate(nullptr, other, 2048);
  allocator.release_cached();
}

// Note [Larger blocks], device/size_class.h
TEST(EmulatedMemory, ALargeBlockServesASmallerRequestButNotThatOfAGraph) {
  constexpr i64 kMiB = 1 << 20;
  gpu::Allocator& allocator = gpu::allocator();
  allocator.release_cached();
  const AllocatorCounters before = allocator.counters();
  void* const block = allocator.allocate(nullptr, 8 * kMiB);
  allocator.deallocate(nullptr, block, 8 * kMiB);
  void* const again = allocator.allocate(nullptr, 7 * kMiB);
  EXPECT_EQ(again, block);
  EXPECT_EQ(allocator.counters().bytes_in_use, before.bytes_in_use + 8 * kMiB);
  allocator.deallocate(nullptr, again, 7 * kMiB);
  EXPECT_EQ(allocator.counters().bytes_in_use, before.bytes_in_use);
  EXPECT_EQ(allocator.counters().bytes_cached, 8 * kMiB);
  EXPECT_EQ(allocator.counters().system_allocations, before.system_allocations + 1);
  {
    const gpu::MemoryPool pool(nullptr);
    const gpu::MemoryPool::Use use(pool);
    void* const own = allocator.allocate(nullptr, 7 * kMiB);
    EXPECT_NE(own, block);
    allocator.deallocate(nullptr, own, 7 * kMiB);
  }
  allocator.release_cached();
  EXPECT_EQ(allocator.counters().bytes_cached, 0);
}

TEST(EmulatedMemory, OutOfMemoryNamesTheLargestHolders) {
  gpu::Allocator allocator;
  const MemoryLimit limit(10240);
  std::vector<void*> blocks;
  {
    const gpu::AllocationLabel label("parameters");
    blocks.push_back(allocator.allocate(nullptr, 1024));
  }
  {
    const gpu::AllocationLabel label("activations");
    for (int i = 0; i < 2; ++i) blocks.push_back(allocator.allocate(nullptr, 4096));
  }
  try {
    const gpu::AllocationLabel label("the batch");
    allocator.allocate(nullptr, 2048);
    ADD_FAILURE() << "there was memory for it";
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what())
                  .find("allocate: 2048 bytes wanted for the batch on cuda, which has 1024 of "),
              std::string::npos)
        << error.what();
    EXPECT_NE(std::string(error.what())
                  .find("weft holds 9216 bytes (peak 9216): activations 8192 bytes in 2 blocks, "
                        "parameters 1024 bytes in 1 blocks"),
              std::string::npos)
        << error.what();
  }
  allocator.deallocate(nullptr, blocks[0], 1024);
  allocator.deallocate(nullptr, blocks[1], 4096);
  allocator.deallocate(nullptr, blocks[2], 4096);
  // After the blocks are freed, the allocation succeeds.
  allocator.deallocate(nullptr, allocator.allocate(nullptr, 8192), 8192);
  allocator.release_cached();
}

}  // namespace
}  // namespace weft::testing
