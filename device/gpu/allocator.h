// SPDX-License-Identifier: Apache-2.0
// The caching allocator of a GPU. It is stream-ordered, keeps counters, and records which label
// holds which memory.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weft/device/allocator.h"
#include "weft/device/size_class.h"

namespace weft::gpu {

class MemoryPool;

// Note [Stream-ordered memory]
// A block may be freed while work that uses it is still queued. Reuse on the same stream is safe
// without waiting, because the new work is ordered after the earlier use. Another stream can reuse
// the block only after the device has been synchronized, which happens when memory is short.
class Allocator {
 public:
  // The memory is uninitialised and 256-byte aligned; zero bytes yield null. Throws InternalError,
  // with the largest holders, if there is no more memory.
  void* allocate(StreamHandle stream, i64 bytes);
  // `stream` and `bytes` must be the values that were given to allocate().
  void deallocate(StreamHandle stream, void* block, i64 bytes) noexcept;

  AllocatorCounters counters();
  void reset_peak();
  void release_cached();  // waits for the device; blocks of a pool stay in the pool

 private:
  friend class MemoryPool;
  struct Holder {
    i64 blocks = 0, bytes = 0;
  };
  struct Block {
    std::string_view label;
    const MemoryPool* pool = nullptr;  // the pool that takes it back
    i64 size = 0;                      // bytes; maybe more than the request's class
  };
  using Shelf = std::unordered_map<i64, std::vector<void*>>;  // free blocks by size
  void* take(StreamHandle stream, SizeClass& size);
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
// Returns the allocator of this process's GPU.
Allocator& allocator();

// A pool reserves memory of one stream: a block that is taken while the pool is in use returns to
// the pool, and nothing else can take it while the pool exists. A graph needs one, because its work
// has fixed addresses (Note [Capture], graph.h).
class MemoryPool {
 public:
  explicit MemoryPool(StreamHandle stream) : stream_(stream) {}
  ~MemoryPool();  // returns its blocks to the stream
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  // While a Use exists, allocations on this thread for the stream come from the pool.
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

// While a label exists, allocations on this thread are counted under it. An out-of-memory report
// lists the labels: "parameters", "activations of layer1.conv".
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
