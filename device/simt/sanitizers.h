// SPDX-License-Identifier: Apache-2.0
// Tells sanitizers about fibers. Inside device/simt only.
//
// The emulator itself is never instrumented (cmake/library.cmake), because ThreadSanitizer's calls
// for switching must not come from instrumented code. The symbols are weak and resolved at load
// time, so that one object serves all builds, whichever sanitizer the program runs under. source:
// compiler-rt, include/sanitizer/{common_interface_defs,tsan_interface}.h
#pragma once
#include <cstddef>

// NOLINTBEGIN(readability-identifier-naming,bugprone-reserved-identifier)
extern "C" {
[[gnu::weak]] void __sanitizer_start_switch_fiber(void** fake_stack_save, const void* bottom,
                                                  std::size_t size);
[[gnu::weak]] void __sanitizer_finish_switch_fiber(void* fake_stack_save, const void** bottom_old,
                                                   std::size_t* size_old);
[[gnu::weak]] void __asan_unpoison_memory_region(const volatile void* begin, std::size_t bytes);
[[gnu::weak]] void __asan_poison_memory_region(const volatile void* begin, std::size_t bytes);
[[gnu::weak]] void* __tsan_get_current_fiber();
[[gnu::weak]] void* __tsan_create_fiber(unsigned flags);
[[gnu::weak]] void __tsan_destroy_fiber(void* fiber);
[[gnu::weak]] void __tsan_switch_to_fiber(void* fiber, unsigned flags);
[[gnu::weak]] void __tsan_set_fiber_name(void* fiber, const char* name);
[[gnu::weak]] void __tsan_acquire(void* address);
[[gnu::weak]] void __tsan_release(void* address);
}
// NOLINTEND(readability-identifier-naming,bugprone-reserved-identifier)

namespace weft::simt {

inline bool under_asan() { return __asan_poison_memory_region != nullptr; }
inline bool under_tsan() { return __tsan_switch_to_fiber != nullptr; }

// Code before release(x) happens before code after acquire(x). No other order is implied.
inline void release(void* address) {
  if (under_tsan()) __tsan_release(address);
}
inline void acquire(void* address) {
  if (under_tsan()) __tsan_acquire(address);
}
// Switches without an ordering between the two fibers.
inline void tsan_switch(void* fiber) { __tsan_switch_to_fiber(fiber, 1); }

}  // namespace weft::simt
