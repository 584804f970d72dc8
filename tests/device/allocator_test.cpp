// SPDX-License-Identifier: Apache-2.0
#include "weft/device/allocator.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/error.h"
#include "weft/device/machine_memory.h"
#include "weft/device/out_of_memory.h"

namespace weft {
namespace {

AllocatorCounters counters() { return allocator_counters(Cpu{}); }

TEST(Allocator, BlocksAreAlignedAndWritableToTheirEnd) {
  for (const i64 bytes : {1, 63, 64, 65, 1000, 4096, 100003}) {
    void* block = allocate(Cpu{}, bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 64, 0u) << bytes;
    std::memset(block, 1, static_cast<std::size_t>(bytes));
    deallocate(Cpu{}, block, bytes);
  }
}

TEST(Allocator, NoBytesAreANullPointer) {
  const i64 before = counters().allocations;
  EXPECT_EQ(allocate(Cpu{}, 0), nullptr);
  deallocate(Cpu{}, nullptr, 0);
  EXPECT_EQ(counters().allocations, before);
}

TEST(Allocator, AReturnedBlockIsHandedOutAgainForItsSizeClass) {
  void* first = allocate(Cpu{}, 1000);
  deallocate(Cpu{}, first, 1000);
  const i64 system = counters().system_allocations;
  void* second = allocate(Cpu{}, 1010);  // both round up to 1024
  EXPECT_EQ(second, first);
  EXPECT_EQ(counters().system_allocations, system);
  deallocate(Cpu{}, second, 1010);
}

// Note [Larger blocks]. The unused block serves down to half of its size, and no small request.
TEST(Allocator, ALargeBlockServesASmallerRequest) {
  constexpr i64 kMiB = 1 << 20;
  release_cached(Cpu{});
  const AllocatorCounters before = counters();
  void* const block = allocate(Cpu{}, 8 * kMiB);
  deallocate(Cpu{}, block, 8 * kMiB);
  for (const i64 bytes : {7 * kMiB, 4 * kMiB}) {
    void* const again = allocate(Cpu{}, bytes);
    EXPECT_EQ(again, block);
    EXPECT_EQ(counters().bytes_in_use, before.bytes_in_use + 8 * kMiB);
    EXPECT_EQ(counters().bytes_cached, before.bytes_cached);
    deallocate(Cpu{}, again, bytes);
    EXPECT_EQ(counters().bytes_in_use, before.bytes_in_use);
    EXPECT_EQ(counters().bytes_cached, before.bytes_cached + 8 * kMiB);
  }
  EXPECT_EQ(counters().system_allocations, before.system_allocations + 1);
  for (const i64 bytes : {3 * kMiB, kMiB / 2}) {
    void* const other = allocate(Cpu{}, bytes);
    EXPECT_NE(other, block);
    deallocate(Cpu{}, other, bytes);
  }
  EXPECT_EQ(counters().system_allocations, before.system_allocations + 3);
  void* const whole = allocate(Cpu{}, 8 * kMiB);
  EXPECT_EQ(whole, block);
  deallocate(Cpu{}, whole, 8 * kMiB);
  EXPECT_EQ(counters().system_allocations, before.system_allocations + 3);
  release_cached(Cpu{});
}

TEST(Allocator, OfTwoLargerBlocksTheSmallerOneIsTaken) {
  constexpr i64 kMiB = 1 << 20;
  release_cached(Cpu{});
  void* const large = allocate(Cpu{}, 6 * kMiB);
  void* const larger = allocate(Cpu{}, 8 * kMiB);
  deallocate(Cpu{}, large, 6 * kMiB);
  deallocate(Cpu{}, larger, 8 * kMiB);
  void* const first = allocate(Cpu{}, 4 * kMiB);
  void* const second = allocate(Cpu{}, 4 * kMiB);
  EXPECT_EQ(first, large);
  EXPECT_EQ(second, larger);
  deallocate(Cpu{}, first, 4 * kMiB);
  deallocate(Cpu{}, second, 4 * kMiB);
  release_cached(Cpu{});
}

TEST(Allocator, RoundingWastesAtMostAnEighth) {
  for (i64 bytes = 64; bytes < 100000; bytes += 37) {
    const i64 before = counters().bytes_in_use;
    void* block = allocate(Cpu{}, bytes);
    const i64 taken = counters().bytes_in_use - before;
    EXPECT_GE(taken, bytes);
    EXPECT_LE(taken, bytes + bytes / 8 + 8);
    deallocate(Cpu{}, block, bytes);
    EXPECT_EQ(counters().bytes_in_use, before);
  }
}

TEST(Allocator, CountersFollowUseCacheAndPeak) {
  release_cached(Cpu{});  // a block of exactly this size is made
  reset_peak(Cpu{});
  const AllocatorCounters before = counters();
  void* block = allocate(Cpu{}, 1 << 20);
  EXPECT_EQ(counters().bytes_in_use, before.bytes_in_use + (1 << 20));
  EXPECT_EQ(counters().peak_bytes_in_use, before.bytes_in_use + (1 << 20));
  EXPECT_EQ(counters().allocations, before.allocations + 1);
  deallocate(Cpu{}, block, 1 << 20);
  EXPECT_EQ(counters().bytes_in_use, before.bytes_in_use);
  EXPECT_EQ(counters().peak_bytes_in_use, before.bytes_in_use + (1 << 20));
  EXPECT_GE(counters().bytes_cached, 1 << 20);
  reset_peak(Cpu{});
  EXPECT_EQ(counters().peak_bytes_in_use, before.bytes_in_use);
}

TEST(Allocator, CachedBlocksCanBeGivenBack) {
  deallocate(Cpu{}, allocate(Cpu{}, 1 << 20), 1 << 20);
  EXPECT_GT(counters().bytes_cached, 0);
  release_cached(Cpu{});
  EXPECT_EQ(counters().bytes_cached, 0);
  const i64 system = counters().system_allocations;
  deallocate(Cpu{}, allocate(Cpu{}, 1 << 20), 1 << 20);
  EXPECT_EQ(counters().system_allocations, system + 1);
}

TEST(Allocator, TooMuchIsAnErrorThatNamesTheSize) {
  const AllocatorCounters before = counters();
  try {
    allocate(Cpu{}, i64{1} << 60);
    ADD_FAILURE();
  } catch (const InternalError& error) {
    EXPECT_EQ(
        std::string(error.what()).rfind("allocate: 1152921504606846976 bytes wanted on the cpu", 0),
        0u)
        << error.what();
  }
  EXPECT_THROW(allocate(Cpu{}, i64{1} << 62), InternalError);
  EXPECT_EQ(counters().bytes_in_use, before.bytes_in_use);
}

TEST(Allocator, ThreadsMayAllocateAtOnce) {
  const i64 before = counters().bytes_in_use;
  std::vector<std::thread> threads;
  std::atomic<int> clashes{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t, &clashes] {
      for (int i = 0; i < 2000; ++i) {
        const i64 bytes = 64 + (i * 37 + t) % 500;
        auto* block = static_cast<unsigned char*>(allocate(Cpu{}, bytes));
        std::memset(block, t, static_cast<std::size_t>(bytes));
        for (i64 k = 0; k < bytes; ++k) clashes += block[k] != t;
        deallocate(Cpu{}, block, bytes);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(clashes, 0);
  EXPECT_EQ(counters().bytes_in_use, before);
}

TEST(Allocator, PoisonFillsWhatIsHandedOut) {
  EXPECT_FALSE(set_allocator_poison(true));
  auto* block = static_cast<unsigned char*>(allocate(Cpu{}, 100));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(block[i], 0xff);
  deallocate(Cpu{}, block, 100);
  EXPECT_TRUE(set_allocator_poison(false));
}

TEST(Allocator, ALimitIsOutOfMemoryOnceNothingIsCached) {
  release_cached(Cpu{});
  void* cached = allocate(Cpu{}, 1 << 16);
  deallocate(Cpu{}, cached, 1 << 16);
  const AllocatorCounters before = counters();
  const i64 machine = set_cpu_memory_limit(before.bytes_in_use + (1 << 18));
  void* all = allocate(Cpu{}, 1 << 18);  // releases the cached blocks
  EXPECT_EQ(counters().bytes_cached, 0);
  try {
    allocate(Cpu{}, 64);
    ADD_FAILURE() << "no error";
  } catch (const OutOfMemory& error) {
    EXPECT_EQ(std::string(error.what()).rfind("allocate: 64 bytes wanted on the cpu", 0), 0u)
        << error.what();
  }
  EXPECT_EQ(counters().bytes_in_use, before.bytes_in_use + (1 << 18));
  deallocate(Cpu{}, all, 1 << 18);
  EXPECT_EQ(set_cpu_memory_limit(machine), before.bytes_in_use + (1 << 18));
  deallocate(Cpu{}, allocate(Cpu{}, 1 << 20), 1 << 20);
}

TEST(Allocator, AnAllocationThatFailsIsNoPeak) {
  const i64 machine = set_cpu_memory_limit(i64{1} << 62);
  reset_peak(Cpu{});
  const AllocatorCounters before = counters();
  EXPECT_THROW(allocate(Cpu{}, i64{1} << 60), OutOfMemory);  // refused by the system
  EXPECT_EQ(counters().bytes_in_use, before.bytes_in_use);
  EXPECT_EQ(counters().peak_bytes_in_use, before.peak_bytes_in_use);
  set_cpu_memory_limit(machine);
}

TEST(Allocator, TheMachinesMemoryIsTheLimit) {
  const i64 machine = machine_memory();
  ASSERT_GT(machine, i64{1} << 28);
  EXPECT_EQ(set_cpu_memory_limit(machine), machine);
  const AllocatorCounters before = counters();
  EXPECT_THROW(allocate(Cpu{}, machine + 1), OutOfMemory);
  EXPECT_EQ(counters().bytes_in_use, before.bytes_in_use);
  EXPECT_EQ(counters().peak_bytes_in_use, before.peak_bytes_in_use);
}

}  // namespace
}  // namespace weft
