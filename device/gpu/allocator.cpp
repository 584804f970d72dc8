// SPDX-License-Identifier: Apache-2.0
#include "weft/device/gpu/allocator.h"

#include <algorithm>
#include <set>
#include <utility>

#include "weft/core/error.h"
#include "weft/device/gpu/gpu.h"
#include "weft/device/gpu/graph.h"
#include "weft/device/out_of_memory.h"
#include "weft/device/size_class.h"

namespace weft::gpu {
namespace {

// Labels are few and never freed, so that blocks can refer to them.
std::string_view kept(const std::string& label) {
  static auto* labels = new std::set<std::string>;
  return *labels->insert(label).first;
}

thread_local std::string current_label = "tensors";
thread_local const MemoryPool* current_pool = nullptr;

}  // namespace

// The allocator is never destroyed, because tensors in static storage may be destroyed after it.
Allocator& allocator() {
  static auto* all = new Allocator;
  return *all;
}

void* Allocator::allocate(StreamHandle stream, i64 bytes) {
  if (bytes == 0) return nullptr;
  SizeClass taken = size_class(bytes);
  const std::lock_guard lock(mutex_);
  void* block = take(stream, taken);
  if (block == nullptr) throw_out_of_memory(bytes);
  const i64 size = taken.bytes;
  ++counters_.allocations;
  counters_.bytes_in_use += size;
  counters_.peak_bytes_in_use = std::max(counters_.peak_bytes_in_use, counters_.bytes_in_use);
  const std::string_view label = kept(current_label);
  const bool pooled = current_pool != nullptr && current_pool->stream_ == stream;
  blocks_[block] = {label, pooled ? current_pool : nullptr, size};
  ++holders_[label].blocks;
  holders_[label].bytes += size;
  block_handed_out(stream, block, bytes, size);
  return block;
}

void Allocator::deallocate(StreamHandle stream, void* block, i64 /*bytes*/) noexcept {
  if (block == nullptr) return;
  const std::lock_guard lock(mutex_);
  const Block& known = blocks_[block];
  const i64 size = known.size;
  counters_.bytes_in_use -= size;
  counters_.bytes_cached += size;
  Holder& holder = holders_[known.label];
  --holder.blocks;
  holder.bytes -= size;
  block_came_back(stream, block, size);
  Shelf& shelf = known.pool != nullptr ? pooled_[known.pool] : free_[stream];
  shelf[size].push_back(block);
}

// Takes a block from the pool in use, else from the stream's cached blocks, else from the system.
// `size` becomes that of the block. A pool has blocks of the exact class only: a graph is recorded
// after a warm-up and must find the same ones.
void* Allocator::take(StreamHandle stream, SizeClass& size) {
  const bool pooled = current_pool != nullptr && current_pool->stream_ == stream;
  void* block = pooled ? take_cached(pooled_[current_pool], size.bytes) : nullptr;
  if (block != nullptr) return block;
  WEFT_CHECK(!is_captured(stream),
             "allocate: a block of {} bytes wanted while a graph is recorded, and {}", size.bytes,
             pooled ? "its pool has none left; the warm-up must have done the same work"
                    : "not from its pool; memory of a graph must come from there");
  Shelf& shelf = free_[stream];
  if (!pooled)
    size = class_to_take(size, [&](const SizeClass& s) {
      const auto blocks = shelf.find(s.bytes);
      return blocks != shelf.end() && !blocks->second.empty();
    });
  block = take_cached(shelf, size.bytes);
  if (block == nullptr) block = from_system(size.bytes);
  if (block != nullptr) return block;
  release_cached_locked();
  return from_system(size.bytes);
}

void* Allocator::take_cached(Shelf& shelf, i64 size) {
  std::vector<void*>& blocks = shelf[size];
  if (blocks.empty()) return nullptr;
  void* block = blocks.back();
  blocks.pop_back();
  counters_.bytes_cached -= size;
  return block;
}

void* Allocator::from_system(i64 size) {
  ++counters_.system_allocations;
  return system_allocate(size);
}

void Allocator::release_cached_locked() {
  synchronize_all();
  for (auto& [stream, sizes] : free_)
    for (auto& [size, blocks] : sizes)
      for (void* block : blocks) {
        blocks_.erase(block);
        system_free(block);
        counters_.bytes_cached -= size;
      }
  free_.clear();
}

// Blocks of the pool that are in use become ordinary blocks.
void Allocator::give_up(const MemoryPool& pool) {
  const std::lock_guard lock(mutex_);
  for (auto& [block, known] : blocks_)
    if (known.pool == &pool) known.pool = nullptr;
  for (auto& [size, blocks] : pooled_[&pool]) {
    std::vector<void*>& shelf = free_[pool.stream_][size];
    shelf.insert(shelf.end(), blocks.begin(), blocks.end());
  }
  pooled_.erase(&pool);
}

void Allocator::throw_out_of_memory(i64 bytes) const {
  std::vector<std::pair<std::string_view, Holder>> largest(holders_.begin(), holders_.end());
  std::sort(largest.begin(), largest.end(),
            [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  if (largest.size() > 5) largest.resize(5);
  std::string holders;
  for (const auto& [label, holder] : largest)
    if (holder.bytes > 0)
      holders += fmt::format("{}{} {} bytes in {} blocks", holders.empty() ? "" : ", ", label,
                             holder.bytes, holder.blocks);
  const MemoryInfo memory = memory_info();
  throw OutOfMemory(fmt::format(
      "allocate: {} bytes wanted for {} on cuda, which has {} of {} free; weft holds {} bytes (peak "
      "{}): {}; use a smaller batch or model",
      bytes, current_label, memory.free_bytes, memory.total_bytes, counters_.bytes_in_use,
      counters_.peak_bytes_in_use, holders.empty() ? "nothing" : holders));
}

AllocatorCounters Allocator::counters() {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void Allocator::reset_peak() {
  const std::lock_guard lock(mutex_);
  counters_.peak_bytes_in_use = counters_.bytes_in_use;
}

void Allocator::release_cached() {
  const std::lock_guard lock(mutex_);
  release_cached_locked();
}

MemoryPool::~MemoryPool() { allocator().give_up(*this); }
MemoryPool::Use::Use(const MemoryPool& pool) : before_(std::exchange(current_pool, &pool)) {}
MemoryPool::Use::~Use() { current_pool = before_; }

AllocationLabel::AllocationLabel(std::string label)
    : before_(std::exchange(current_label, std::move(label))) {}
AllocationLabel::~AllocationLabel() { current_label = std::move(before_); }

}  // namespace weft::gpu
