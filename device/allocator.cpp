// SPDX-License-Identifier: Apache-2.0
#include "weft/device/allocator.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "weft/core/error.h"
#include "weft/device/allocation_budget.h"
#include "weft/device/backend.h"
#include "weft/device/machine_memory.h"
#include "weft/device/out_of_memory.h"
#include "weft/device/size_class.h"

namespace weft {
namespace {

constexpr i64 kNoBudget = -1;
thread_local i64 bytes_left = kNoBudget;

constexpr int kClasses = 58 * kClassesPerPower;

std::atomic<bool> poison{false};

void* poisoned(void* block, i64 bytes) noexcept {
  if (poison.load(std::memory_order_relaxed))
    std::memset(block, 0xff, static_cast<std::size_t>(bytes));
  return block;
}

// A free block stores the link to the next free block of its size class.
struct FreeBlock {
  FreeBlock* next;
};

class CpuAllocator {
 public:
  void* allocate(i64 bytes) {
    const SizeClass wanted = size_class(bytes);
    {
      std::lock_guard lock(mutex_);
      ++counters_.allocations;
      const SizeClass size = class_to_take(wanted, [&](SizeClass s) { return head(s) != nullptr; });
      if (FreeBlock* block = head(size); block != nullptr) {
        if (size.index != wanted.index) larger_.emplace_back(block, size);
        head(size) = block->next;
        counters_.bytes_cached -= size.bytes;
        counters_.bytes_in_use += size.bytes;
        note_peak();
        return block;
      }
      requested_ += wanted.bytes;
      ++counters_.system_allocations;
      if (over_limit()) release_cached_locked();
      if (over_limit()) throw_out_of_memory(wanted.bytes);
    }
    return from_system(wanted.bytes);
  }

  void deallocate(void* pointer, i64 bytes) noexcept {
    SizeClass size = size_class(bytes);
    std::lock_guard lock(mutex_);
    const auto found = size.bytes < kSmallestShared
                           ? larger_.end()
                           : std::find_if(larger_.begin(), larger_.end(),
                                          [&](const auto& one) { return one.first == pointer; });
    if (found != larger_.end()) {
      size = found->second;
      *found = larger_.back();
      larger_.pop_back();
    }
    counters_.bytes_in_use -= size.bytes;
    counters_.bytes_cached += size.bytes;
    head(size) = new (pointer) FreeBlock{head(size)};
  }

  AllocatorCounters counters() {
    std::lock_guard lock(mutex_);
    return counters_;
  }

  void reset_peak() {
    std::lock_guard lock(mutex_);
    counters_.peak_bytes_in_use = counters_.bytes_in_use;
  }

  void release_cached() {
    std::lock_guard lock(mutex_);
    release_cached_locked();
  }

  i64 set_limit(i64 bytes) {
    std::lock_guard lock(mutex_);
    release_cached_locked();
    return std::exchange(limit_, bytes);
  }

 private:
  FreeBlock*& head(const SizeClass& size) { return free_[static_cast<std::size_t>(size.index)]; }

  void note_peak() {
    counters_.peak_bytes_in_use = std::max(counters_.peak_bytes_in_use, counters_.bytes_in_use);
  }

  bool over_limit() const {
    return counters_.bytes_in_use + counters_.bytes_cached + requested_ > limit_;
  }

  void release_cached_locked() {
    for (FreeBlock*& head : free_) {
      while (head != nullptr) {
        FreeBlock* block = head;
        head = block->next;
        std::free(block);
      }
    }
    counters_.bytes_cached = 0;
  }

  [[noreturn]] void throw_out_of_memory(i64 bytes) {
    requested_ -= bytes;
    throw OutOfMemory(fmt::format(
        "allocate: {} bytes wanted on the cpu, which has no more; weft holds {} bytes (peak {}) of at "
        "most {}; use a smaller batch or model",
        bytes, counters_.bytes_in_use, counters_.peak_bytes_in_use, limit_));
  }

  void* from_system(i64 bytes) {
    const auto rounded =
        static_cast<std::size_t>((bytes + kSmallestBlock - 1) / kSmallestBlock * kSmallestBlock);
    void* block = std::aligned_alloc(static_cast<std::size_t>(kSmallestBlock), rounded);
    if (block == nullptr) {
      release_cached();
      block = std::aligned_alloc(static_cast<std::size_t>(kSmallestBlock), rounded);
    }
    std::lock_guard lock(mutex_);
    if (block == nullptr) throw_out_of_memory(bytes);
    requested_ -= bytes;
    counters_.bytes_in_use += bytes;
    note_peak();
    return block;
  }

  std::mutex mutex_;
  std::array<FreeBlock*, kClasses> free_{};
  // The blocks in use that are larger than the class of their request (Note [Larger blocks]). They
  // are few, and a vector calls the heap no more once it has grown.
  std::vector<std::pair<void*, SizeClass>> larger_;
  AllocatorCounters counters_;
  i64 requested_ = 0;  // bytes of blocks that the system is asked for
  // Beyond the machine's memory, the kernel would give addresses and kill the process later.
  i64 limit_ = machine_memory();
};

// The allocator is never destroyed, because tensors in static storage may be destroyed after it.
CpuAllocator& cpu_allocator() {
  static auto* allocator = new CpuAllocator;
  return *allocator;
}

}  // namespace

void* detail::allocate(Cpu, i64 bytes) {
  return bytes == 0 ? nullptr : poisoned(cpu_allocator().allocate(bytes), bytes);
}
void detail::deallocate(Cpu, void* block, i64 bytes) noexcept {
  if (block != nullptr) cpu_allocator().deallocate(poisoned(block, bytes), bytes);
}
AllocatorCounters detail::counters(Cpu) { return cpu_allocator().counters(); }
void detail::reset_peak(Cpu) { cpu_allocator().reset_peak(); }
void detail::release_cached(Cpu) { cpu_allocator().release_cached(); }
bool detail::poisoning() { return poison.load(std::memory_order_relaxed); }

void* allocate(const Device& device, i64 bytes) {
  if (bytes_left != kNoBudget) {
    if (bytes < 0 || bytes > bytes_left)
      throw AllocationBudget::Exceeded(fmt::format(
          "allocate: {} bytes wanted; at most {} more are allowed here", bytes, bytes_left));
    bytes_left -= bytes;
  }
  return std::visit([=](auto d) { return detail::allocate(d, bytes); }, device);
}
void deallocate(const Device& device, void* block, i64 bytes) noexcept {
  if (bytes_left != kNoBudget) bytes_left += bytes;
  std::visit([=](auto d) { detail::deallocate(d, block, bytes); }, device);
}
AllocationBudget::AllocationBudget(i64 bytes) {
  WEFT_ASSERT(bytes_left == kNoBudget && bytes >= 0, "allocate: a budget in another one");
  bytes_left = bytes;
}
AllocationBudget::~AllocationBudget() { bytes_left = kNoBudget; }
i64 set_cpu_memory_limit(i64 bytes) { return cpu_allocator().set_limit(bytes); }
bool set_allocator_poison(bool on) { return poison.exchange(on); }
AllocatorCounters allocator_counters(const Device& device) {
  return std::visit([](auto d) { return detail::counters(d); }, device);
}
void reset_peak(const Device& device) {
  std::visit([](auto d) { detail::reset_peak(d); }, device);
}
void release_cached(const Device& device) {
  std::visit([](auto d) { detail::release_cached(d); }, device);
}

}  // namespace weft
