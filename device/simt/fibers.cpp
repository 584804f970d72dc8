// SPDX-License-Identifier: Apache-2.0
// Fibers: one stack per CUDA thread that has started and not finished, and the reports about them
// to the sanitizers.
#include <sys/mman.h>

#include <cstdio>
#include <exception>
#include <new>

#include "weft/device/simt/machine.h"
#include "weft/device/simt/switch.h"

namespace weft::simt {
namespace {

constexpr std::size_t kGuardBytes = 4096;
// Sanitizers make frames larger, and their reports need stack space.
std::size_t stack_bytes() { return (under_asan() || under_tsan() ? 256 : 64) * std::size_t{1024}; }

// Note [Fibers and ThreadSanitizer]
// A TSan context is expensive to create, and it needs a stack of its own: a stack that another
// context has used would look like a race. Both therefore persist, in two sets that serve alternate
// blocks. The threads of neighbouring blocks stay unordered, which makes races between blocks
// visible.
struct Persistent {
  char* stack = nullptr;
  void* tsan = nullptr;
};

struct Stacks {
  std::vector<Persistent> sets[2] = {std::vector<Persistent>(kMaxThreads),
                                     std::vector<Persistent>(kMaxThreads)};
  std::array<char*, kMaxThreads> free{};  // without TSan, the stack of an exited thread is reused
  unsigned free_count = 0;
};
// The stacks are never destroyed, because a device in static storage may run kernels until the
// program ends.
Stacks& stacks() {
  static auto* all = new Stacks;
  return *all;
}

struct Host {
  void* stack_pointer = nullptr;
  void* tsan = nullptr;
  void* asan_fake_stack = nullptr;
  const void* stack_bottom = nullptr;
  std::size_t stack_bytes = 0;
} host;

char* new_stack() {
  void* memory = mmap(nullptr, stack_bytes() + kGuardBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory, kGuardBytes, PROT_NONE);
  return static_cast<char*>(memory) + kGuardBytes;
}

void call_kernel() {
  try {
    (*machine.launch.kernel)();
  } catch (const std::exception& error) {
    report(Fault::exception, std::string("C++ exception in ") + where() + ": " + error.what());
  } catch (...) {
    report(Fault::exception, "C++ exception in " + where());
  }
}

[[noreturn]] void entry() {
  if (under_asan()) __sanitizer_finish_switch_fiber(nullptr, &host.stack_bottom, &host.stack_bytes);
  acquire(&machine.sync.grid_begins);
  call_kernel();
  release(&machine.sync.grid_ends);
  machine.running->state = State::exited;
  thread_exited(*machine.running);
  leave();
  __builtin_unreachable();
}

void take_stack(Fiber& fiber) {
  if (under_tsan()) {
    Persistent& mine = stacks().sets[machine.parity][fiber.index];
    if (mine.stack == nullptr) mine.stack = new_stack();
    if (mine.tsan == nullptr) mine.tsan = __tsan_create_fiber(0);
    fiber.stack = mine.stack;
    fiber.tsan = mine.tsan;
    char name[64];
    std::snprintf(name, sizeof name, "block (%u,%u,%u) thread (%u,%u,%u)", blockIdx.x, blockIdx.y,
                  blockIdx.z, fiber.thread.x, fiber.thread.y, fiber.thread.z);
    __tsan_set_fiber_name(fiber.tsan, name);
  } else if (Stacks& all = stacks(); all.free_count > 0) {
    fiber.stack = all.free[--all.free_count];
  } else {
    fiber.stack = new_stack();
  }
  // If the tops of 1,024 stacks had the same address modulo 4096, they would compete for one cache
  // set.
  const std::size_t shift = fiber.lane() * 128;
  fiber.stack_pointer = new_context(fiber.stack + stack_bytes() - shift, &entry);
}

void give_stack_back(Fiber& fiber) {
  if (Stacks& all = stacks(); !under_tsan()) all.free[all.free_count++] = fiber.stack;
  fiber.stack = nullptr;
}

}  // namespace

void prepare_host() {
  if (under_tsan()) host.tsan = __tsan_get_current_fiber();
}

void resume(Fiber& fiber) {
  ++machine.statistics.switches;
  if (fiber.stack == nullptr) take_stack(fiber);
  machine.running = &fiber;
  machine.atomics_in_a_row = 0;
  threadIdx = fiber.thread;
  if (under_tsan()) tsan_switch(fiber.tsan);
  if (under_asan())
    __sanitizer_start_switch_fiber(&host.asan_fake_stack, fiber.stack, stack_bytes());
  weft_simt_switch(&host.stack_pointer, fiber.stack_pointer);
  if (under_asan()) __sanitizer_finish_switch_fiber(host.asan_fake_stack, nullptr, nullptr);
  machine.running = nullptr;
  if (fiber.state == State::exited) give_stack_back(fiber);
}

void leave() {
  Fiber& fiber = *machine.running;
  if (under_tsan()) tsan_switch(host.tsan);
  if (under_asan())  // null: the fiber ends, and ASan frees its data about it
    __sanitizer_start_switch_fiber(fiber.state == State::exited ? nullptr : &fiber.asan_fake_stack,
                                   host.stack_bottom, host.stack_bytes);
  weft_simt_switch(&fiber.stack_pointer, host.stack_pointer);
  if (under_asan())
    __sanitizer_finish_switch_fiber(fiber.asan_fake_stack, &host.stack_bottom, &host.stack_bytes);
}

void abandon(Fiber& fiber) {
  if (fiber.stack == nullptr) return;
  if (under_tsan()) {
    tsan_switch(fiber.tsan);  // orders the fiber's accesses before the error is thrown
    release(&machine.sync.grid_ends);
    tsan_switch(host.tsan);
    __tsan_destroy_fiber(fiber.tsan);  // its shadow call stack is no longer balanced
    stacks().sets[machine.parity][fiber.index].tsan = nullptr;
  }
  // The frames that remain on the stack have poisoned red zones.
  if (under_asan()) __asan_unpoison_memory_region(fiber.stack, stack_bytes());
  give_stack_back(fiber);
}

AsHost::AsHost() {
  if (under_tsan() && machine.running != nullptr) tsan_switch(host.tsan);
}
AsHost::~AsHost() {
  if (under_tsan() && machine.running != nullptr) tsan_switch(machine.running->tsan);
}

}  // namespace weft::simt
