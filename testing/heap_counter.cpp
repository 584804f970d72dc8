// SPDX-License-Identifier: Apache-2.0
#include "weft/testing/heap_counter.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<weft::i64> calls{0};
}

// std::stable_sort uses this one. AddressSanitizer would replace it if it were not here, and not
// the delete below.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  calls.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size == 0 ? 1 : size);
}
void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace weft::testing {

i64 heap_calls() { return calls.load(std::memory_order_relaxed); }

}  // namespace weft::testing
