// SPDX-License-Identifier: Apache-2.0
// The emulated device's memory is host memory. Only allocated blocks of it may be accessed, and
// only by the device (Note [Device memory apart]).
#include "weft/device/emulated/memory.h"

#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "weft/core/error.h"
#include "weft/device/emulated/stream.h"
#include "weft/device/gpu/gpu.h"
#include "weft/device/gpu/graph.h"
#include "weft/device/simt/sanitizers.h"

namespace weft {
namespace {

constexpr i64 kNoLimit = i64{1} << 46;
constexpr i64 kPage = 4096;

// Blocks are whole pages, with an unused page between them.
i64 pages_of(i64 bytes) { return (bytes + kPage - 1) / kPage * kPage + kPage; }

void poison_bytes(const void* begin, i64 bytes) {
  if (simt::under_asan()) __asan_poison_memory_region(begin, static_cast<std::size_t>(bytes));
}
void unpoison_bytes(const void* begin, i64 bytes) {
  if (simt::under_asan()) __asan_unpoison_memory_region(begin, static_cast<std::size_t>(bytes));
}

class Memory {
 public:
  // The range is smaller if the process cannot have that many addresses.
  Memory() {
    void* range = MAP_FAILED;
    for (addresses_ = i64{1} << 36; range == MAP_FAILED && addresses_ >= kPage; addresses_ /= 2)
      range = mmap(nullptr, static_cast<std::size_t>(addresses_), PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    WEFT_ASSERT(range != MAP_FAILED, "emulated device: no range of addresses was given");
    addresses_ *= 2;
    base_ = static_cast<char*>(range);
  }

  i64 set_limit(i64 bytes) {
    const std::lock_guard lock(mutex_);
    return std::exchange(limit_, bytes);
  }
  gpu::MemoryInfo info() {
    const std::lock_guard lock(mutex_);
    return {limit_ - used_, limit_};
  }

  void* allocate(i64 bytes) {
    const std::lock_guard lock(mutex_);
    if (used_ + bytes > limit_) return nullptr;
    char* block = take(pages_of(bytes));
    if (block == nullptr) return nullptr;
    used_ += bytes;
    size_of_[block] = bytes;
    poison_bytes(block, pages_of(bytes));
    return block;
  }

  void free(void* pointer) {
    const std::lock_guard lock(mutex_);
    char* block = static_cast<char*>(pointer);
    const i64 bytes = size_of_.at(block), pages = pages_of(bytes);
    used_ -= bytes;
    size_of_.erase(block);
    unpoison_bytes(block, pages);
    madvise(block, static_cast<std::size_t>(pages), MADV_DONTNEED);
    give(block, pages);
  }

  // Accesses are counted, because a copy may begin while a stream works.
  void open() {
    const std::lock_guard lock(mutex_);
    if (open_++ == 0) protect(base_, used_addresses_, PROT_READ | PROT_WRITE);
  }
  void close() {
    const std::lock_guard lock(mutex_);
    if (--open_ == 0) protect(base_, used_addresses_, PROT_NONE);
  }
  bool holds(const void* pointer) {
    const char* address = static_cast<const char*>(pointer);
    if (address >= base_ && address < base_ + addresses_) return true;
    const std::lock_guard lock(mutex_);
    const auto behind = lent_.upper_bound(address);
    return behind != lent_.begin() &&
           address <= std::prev(behind)->first + std::prev(behind)->second;
  }
  void lend(const void* begin, i64 bytes) {
    const std::lock_guard lock(mutex_);
    lent_[static_cast<const char*>(begin)] = bytes;
  }
  void take_back(const void* begin) {
    const std::lock_guard lock(mutex_);
    lent_.erase(static_cast<const char*>(begin));
  }

 private:
  static void protect(char* begin, i64 bytes, int how) {
    if (bytes > 0) mprotect(begin, static_cast<std::size_t>(bytes), how);
  }

  char* take(i64 pages) {
    for (auto range = free_.begin(); range != free_.end(); ++range) {
      const auto [begin, size] = *range;
      if (size < pages) continue;
      free_.erase(range);
      if (size > pages) free_[begin + pages] = size - pages;
      return begin;
    }
    if (used_addresses_ + pages > addresses_) return nullptr;
    char* begin = base_ + used_addresses_;
    used_addresses_ += pages;
    if (open_ > 0) protect(begin, pages, PROT_READ | PROT_WRITE);
    return begin;
  }
  // Joins the freed range with the free ranges beside it.
  void give(char* begin, i64 size) {
    auto next = free_.lower_bound(begin);
    if (next != free_.end() && begin + size == next->first) {
      size += next->second;
      next = free_.erase(next);
    }
    if (next != free_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == begin) {
        before->second += size;
        return;
      }
    }
    free_[begin] = size;
  }

  std::mutex mutex_;
  char* base_ = nullptr;
  i64 addresses_ = 0;       // of the range
  i64 used_addresses_ = 0;  // counted from the base
  i64 limit_ = kNoLimit, used_ = 0;
  int open_ = 0;
  std::map<char*, i64> free_;     // below used_addresses_
  std::map<char*, i64> size_of_;  // the requested sizes
  std::map<const char*, i64> lent_;
};

std::atomic<u64> count_of_bytes_sent = 0;

// The memory is never destroyed, because tensors in static storage may be destroyed after it.
Memory& memory() {
  static auto* all = new Memory;
  return *all;
}

std::vector<char> copy_of(const void* from, i64 bytes) {
  const char* begin = static_cast<const char*>(from);
  return {begin, begin + bytes};
}

}  // namespace

namespace emulated {

MemoryAccess::MemoryAccess() { memory().open(); }
MemoryAccess::~MemoryAccess() { memory().close(); }
bool is_device_memory(const void* pointer) { return memory().holds(pointer); }
void lend_memory(const void* begin, i64 bytes) { memory().lend(begin, bytes); }
void return_memory(const void* begin) { memory().take_back(begin); }
i64 set_memory_limit(i64 bytes) { return memory().set_limit(bytes); }
u64 bytes_sent() { return count_of_bytes_sent; }

}  // namespace emulated

namespace gpu {

std::string why_unusable() { return {}; }
bool is_fast() { return false; }
std::string description() { return "emulated, for tests"; }
MemoryInfo memory_info() { return memory().info(); }
void* system_allocate(i64 bytes) { return memory().allocate(bytes); }
void system_free(void* block) noexcept { memory().free(block); }

// Fills the block in the stream's order, because queued work may still read memory that the host
// has freed. The bytes are NaN when a block is allocated, so that reading before writing becomes
// visible.
void block_handed_out(StreamHandle stream, void* block, i64 bytes, i64 size) {
  emulated::enqueue(stream, [=] {
    poison_bytes(block, size);
    unpoison_bytes(block, bytes);
    std::memset(block, 0xff, static_cast<std::size_t>(bytes));
  });
}
void block_came_back(StreamHandle stream, void* block, i64 size) {
  if (simt::under_asan()) emulated::enqueue(stream, [=] { poison_bytes(block, size); });
}

void copy_to_device(StreamHandle stream, void* to, const void* from, i64 bytes) {
  if (bytes == 0) return;
  refuse_in_capture(stream, "copy to the device");
  count_of_bytes_sent += static_cast<u64>(bytes);
  emulated::enqueue(stream,
                    [to, held = std::make_shared<const std::vector<char>>(copy_of(from, bytes))] {
                      std::memcpy(to, held->data(), held->size());
                    });
}

void copy_to_host(StreamHandle stream, void* to, const void* from, i64 bytes) {
  refuse_in_capture(stream, "copy to the host");
  synchronize(stream);
  if (bytes == 0) return;
  const emulated::MemoryAccess access;
  std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

void* pinned_allocate(i64 bytes) { return new char[static_cast<std::size_t>(bytes)]; }
void pinned_free(void* memory) noexcept { delete[] static_cast<char*>(memory); }
void copy_pinned_to_device(StreamHandle stream, void* to, const void* from, i64 bytes) {
  count_of_bytes_sent += static_cast<u64>(bytes);
  emulated::enqueue(stream, [=] { std::memcpy(to, from, static_cast<std::size_t>(bytes)); });
}
void copy_to_pinned(StreamHandle stream, void* to, const void* from, i64 bytes) {
  emulated::enqueue(stream, [=] { std::memcpy(to, from, static_cast<std::size_t>(bytes)); });
}

void set_bytes(StreamHandle stream, void* to, u8 value, i64 bytes) {
  if (bytes == 0) return;
  emulated::enqueue(stream, [=] { std::memset(to, value, static_cast<std::size_t>(bytes)); });
}

}  // namespace gpu
}  // namespace weft
