// SPDX-License-Identifier: Apache-2.0
#include "weft/device/simt/shared_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "weft/device/simt/machine.h"

namespace weft::simt {
namespace {

constexpr std::size_t kMaxStaticBytes = std::size_t{48} * 1024;

// Without a sanitizer, these bytes behind each variable must keep their value.
constexpr std::size_t kGuardedBytes = 256;
constexpr char kGuard = 0x5a;

struct Variable {
  const void* key;
  char* memory;
  std::size_t bytes;
  char* sync;  // under ThreadSanitizer, one byte behind it: allocation happens before every use
};

struct BlockMemory {
  std::vector<Variable> variables;
  std::size_t static_bytes = 0;
  char* dynamic = nullptr;
  std::vector<char*> old;  // memory of this grid's finished blocks
};
BlockMemory& block() {
  static auto* memory = new BlockMemory;
  return *memory;
}

bool guards_memory() { return !under_asan() && !under_tsan(); }

char* fresh(std::size_t bytes, std::size_t alignment) {
  void* memory = nullptr;
  const std::size_t guard = guards_memory() ? kGuardedBytes : 0;
  if (posix_memalign(&memory, std::max<std::size_t>(alignment, 16),
                     std::max<std::size_t>(bytes + guard, 1)) != 0)
    throw std::bad_alloc();
  std::memset(memory, machine.options.poison, bytes);
  std::memset(static_cast<char*>(memory) + bytes, kGuard, guard);
  return static_cast<char*>(memory);
}

void check_guard(const char* memory, std::size_t bytes, const char* name) {
  const char* const end = memory + bytes;
  const char* const changed =
      std::find_if(end, end + kGuardedBytes, [](char byte) { return byte != kGuard; });
  if (changed != end + kGuardedBytes)
    report(Fault::shared_overflow,
           kernel_and_block() + ": byte " + std::to_string(changed - memory) + " of " + name +
               " was written, which has " + std::to_string(bytes) +
               " bytes; AddressSanitizer names the line (the preset emulated-asan)");
}

}  // namespace

void begin_block_memory() { block().dynamic = fresh(machine.launch.dynamic_bytes, 128); }

void check_block_memory() {
  if (!guards_memory()) return;
  check_guard(block().dynamic, machine.launch.dynamic_bytes, "dynamic_shared");
  for (const Variable& variable : block().variables)
    check_guard(variable.memory, variable.bytes, "a WEFT_SHARED variable");
}

void end_block_memory() {
  BlockMemory& memory = block();
  for (const Variable& variable : memory.variables) memory.old.push_back(variable.memory);
  memory.old.push_back(memory.dynamic);
  memory.variables.clear();
  memory.static_bytes = 0;
  // Under ThreadSanitizer the memory is freed only when the grid ends, because free() would order
  // the blocks.
  if (!under_tsan()) end_grid_memory();
}

void end_grid_memory() {
  for (char* memory : block().old) std::free(memory);
  block().old.clear();
}

void* shared_variable(const void* key, std::size_t bytes, std::size_t alignment) {
  BlockMemory& memory = block();
  for (const Variable& variable : memory.variables)
    if (variable.key == key) {
      acquire(variable.sync);
      return variable.memory;
    }
  memory.static_bytes += bytes;
  if (memory.static_bytes > kMaxStaticBytes)
    trap("more than 48 KiB of WEFT_SHARED in one block (dynamic_shared may have more)", {});
  // The variable belongs to the block, not to the thread that reached its declaration first.
  char* fresh_memory = nullptr;
  char* sync = nullptr;
  {
    const AsHost as_host;
    fresh_memory = fresh(bytes + (under_tsan() ? 1 : 0), alignment);
    sync = fresh_memory + bytes;
    release(sync);
    memory.variables.push_back({key, fresh_memory, bytes, sync});
  }
  acquire(sync);
  return fresh_memory;
}

void* dynamic_shared_memory() { return block().dynamic; }

}  // namespace weft::simt
