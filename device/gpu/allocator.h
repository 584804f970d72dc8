// SPDX-License-Identifier: Apache-2.0
// The caching allocator of a GPU: stream-ordered, with counters, and with an account of who holds what.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weft/device/allocator.h"

namespace weft::gpu {

// Note [Stream-ordered memory]
// A block goes back while work that uses it may still be queued. Whoever gets it next on the same stream
// has his work behind that, so nobody waits; another stream gets it only after the device was waited
// for, which happens when memory is short.
class Allocator {
 public:
  // Uninitialised, 256-byte aligned; null for no bytes. Throws InternalError with the largest holders
  // when there is no more.
  void* allocate(StreamHandle stream, i64 bytes);
  // `stream` and `bytes` as given to allocate().
  void deallocate(StreamHandle stream, void* block, i64 bytes) noexcept;

  AllocatorCounters counters();
  void reset_peak();
  void release_cached();  // waits for the device

 private:
  struct Holder {
    i64 blocks = 0, bytes = 0;
  };
  void* take_cached(StreamHandle stream, i64 size);
  void* from_system(i64 size);
  void release_cached_locked();
  [[noreturn]] void throw_out_of_memory(i64 bytes) const;

  std::mutex mutex_;
  AllocatorCounters counters_;
  std::map<StreamHandle, std::unordered_map<i64, std::vector<void*>>> free_;  // by stream and size
  std::unordered_map<void*, std::string_view> label_of_;
  std::map<std::string_view, Holder> holders_;  // memory in use, by label
};
// The one of this process's GPU.
Allocator& allocator();

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
