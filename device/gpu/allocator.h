// SPDX-License-Identifier: Apache-2.0
// The caching allocator of a GPU: stream-ordered, with counters, and with an account of who holds
// what.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weft/device/allocator.h"

namespace weft::gpu {

class MemoryPool;

// Note [Stream-ordered memory]
// A block goes back while work that uses it may still be queued. Whoever gets it next on the same
// stream has his work behind that, so nobody waits; another stream gets it only after the device
// was waited for, which happens when memory is short.
class Allocator {
 public:
  // Uninitialised, 256-byte aligned; null for no bytes. Throws InternalError with the largest
  // holders when there is no more.
  void* allocate(StreamHandle stream, i64 bytes);
  // `stream` and `bytes` as given to allocate().
  void deallocate(StreamHandle stream, void* block, i64 bytes) noexcept;

  AllocatorCounters counters();
  void reset_peak();
  void release_cached();  // waits for the device; what is in a pool stays there

 private:
  friend class MemoryPool;
  struct Holder {
    i64 blocks = 0, bytes = 0;
  };
  struct Block {
    std::string_view label;
    const MemoryPool* pool = nullptr;  // that it goes back to
  };
  using Shelf = std::unordered_map<i64, std::vector<void*>>;  // blocks that nobody has, by size
  void* take(StreamHandle stream, i64 size);
  void* take_cached(Shelf& shelf, i64 size);
  void* from_system(i64 size);
  void give_up(const MemoryPool& pool);
  void release_cached_locked();
  [[noreturn]] void throw_out_of_memory(i64 bytes) const;

  std::mutex mutex_;
  AllocatorCounters counters_;
  std::map<StreamHandle, Shelf> free_;
  std::map<const MemoryPool*, Shelf> pooled_;
  std::unordered_map<void*, Block> blocks_;
  std::map<std::string_view, Holder> holders_;  // memory in use, by label
};
// The one of this process's GPU.
Allocator& allocator();

// Memory of one stream that is put aside: a block which is taken while the pool is in use goes back
// to it, and to nobody else while the pool lives. For a graph, whose work has addresses (Note
// [Capture], graph.h).
class MemoryPool {
 public:
  explicit MemoryPool(StreamHandle stream) : stream_(stream) {}
  ~MemoryPool();  // its blocks are the stream's again
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  // What is allocated on this thread and for the stream while it lives comes from the pool.
  class Use {
   public:
    explicit Use(const MemoryPool& pool);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    const MemoryPool* before_;
  };

 private:
  friend class Allocator;
  StreamHandle stream_;
};

// What is allocated on this thread while it lives is held by `label`, which an out-of-memory report
// names: "parameters", "activations of layer1.conv".
class AllocationLabel {
 public:
  explicit AllocationLabel(std::string label);
  ~AllocationLabel();
  AllocationLabel(const AllocationLabel&) = delete;
  AllocationLabel& operator=(const AllocationLabel&) = delete;

 private:
  std::string before_;
};

}  // namespace weft::gpu
