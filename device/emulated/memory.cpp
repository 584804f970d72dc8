// SPDX-License-Identifier: Apache-2.0
// The emulated device's memory: the host's, of which only what was handed out may be touched.
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "weft/device/emulated/stream.h"
#include "weft/device/gpu/gpu.h"
#include "weft/device/simt/sanitizers.h"

namespace weft {
namespace {

constexpr i64 kNoLimit = i64{1} << 46;
// What the GPU's own allocator aligns to.
constexpr std::size_t kAlignment = 256;

struct Memory {
  std::mutex mutex;
  i64 limit = kNoLimit, used = 0;
  std::map<void*, i64> size_of;
};
Memory& memory() {
  static auto* all = new Memory;
  return *all;
}

std::vector<char> copy_of(const void* from, i64 bytes) {
  const char* begin = static_cast<const char*>(from);
  return {begin, begin + bytes};
}

}  // namespace

i64 emulated::set_memory_limit(i64 bytes) {
  const std::lock_guard lock(memory().mutex);
  return std::exchange(memory().limit, bytes);
}

namespace gpu {

std::string why_unusable() { return {}; }
bool is_fast() { return false; }

MemoryInfo memory_info() {
  const std::lock_guard lock(memory().mutex);
  return {memory().limit - memory().used, memory().limit};
}

void* system_allocate(i64 bytes) {
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  if (all.used + bytes > all.limit) return nullptr;
  void* block = nullptr;
  if (posix_memalign(&block, kAlignment, static_cast<std::size_t>(bytes)) != 0) return nullptr;
  all.used += bytes;
  all.size_of[block] = bytes;
  return block;
}

void system_free(void* block) noexcept {
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  const auto found = all.size_of.find(block);
  all.used -= found->second;
  if (simt::under_asan())
    __asan_unpoison_memory_region(block, static_cast<std::size_t>(found->second));
  all.size_of.erase(found);
  std::free(block);
}

// In the stream's order: queued work may still read what the host has given back. The bytes are NaN when
// they are handed out, so that what is read before it is written shows.
void block_handed_out(StreamHandle stream, void* block, i64 bytes, i64 size) {
  emulated::enqueue(stream, [=] {
    if (simt::under_asan()) {
      __asan_poison_memory_region(block, static_cast<std::size_t>(size));
      __asan_unpoison_memory_region(block, static_cast<std::size_t>(bytes));
    }
    std::memset(block, 0xff, static_cast<std::size_t>(bytes));
  });
}
void block_came_back(StreamHandle stream, void* block, i64 size) {
  if (!simt::under_asan()) return;
  emulated::enqueue(stream,
                    [=] { __asan_poison_memory_region(block, static_cast<std::size_t>(size)); });
}

void copy_to_device(StreamHandle stream, void* to, const void* from, i64 bytes) {
  if (bytes == 0) return;
  emulated::enqueue(stream,
                    [to, held = std::make_shared<const std::vector<char>>(copy_of(from, bytes))] {
                      std::memcpy(to, held->data(), held->size());
                    });
}

void copy_to_host(StreamHandle stream, void* to, const void* from, i64 bytes) {
  synchronize(stream);
  if (bytes > 0) std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

void set_bytes(StreamHandle stream, void* to, u8 value, i64 bytes) {
  if (bytes == 0) return;
  emulated::enqueue(stream, [=] { std::memset(to, value, static_cast<std::size_t>(bytes)); });
}

}  // namespace gpu
}  // namespace weft
