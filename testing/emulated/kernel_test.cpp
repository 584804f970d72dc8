// SPDX-License-Identifier: Apache-2.0
#include "weft/testing/kernel_test.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include <gtest/gtest.h>

#include "weft/device/emulated/memory.h"
#include "weft/device/simt/simt.h"
#include "weft/testing/emulated/sanitizer_hooks.h"
#include "weft/testing/emulated/sync_sites.h"

namespace weft::testing {

void in_every_order(const std::function<void()>& body) {
  link_sanitizer_hooks();
  link_sync_sites();
  const CallSite skip = simt::options().skip;
  const auto run = [&](simt::Options options, const std::string& name) {
    options.skip = skip;
    const simt::ScopedOptions scoped(options);
    SCOPED_TRACE("order of threads: " + name);
    body();
  };
  run({}, "forward");
  run({.order = simt::Order::reverse, .poison = 0x7f}, "reverse");
  for (u64 seed = 1; seed <= 2; ++seed)
    run({.order = simt::Order::random, .seed = seed}, "random, seed " + std::to_string(seed));
}

namespace detail {

void* device_array(i64 bytes) {
  // The alignment is that of the GPU's allocator, which satisfies any vector access.
  void* memory = nullptr;
  if (posix_memalign(&memory, 256, static_cast<std::size_t>(bytes)) != 0) throw std::bad_alloc();
  std::memset(memory, 0xff, static_cast<std::size_t>(bytes));
  emulated::lend_memory(memory, bytes);
  return memory;
}
void free_device_array(void* memory, i64) {
  emulated::return_memory(memory);
  std::free(memory);
}
void copy_to_device(void* to, const void* from, i64 bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<std::size_t>(bytes));
}
void copy_to_host(void* to, const void* from, i64 bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

}  // namespace detail
}  // namespace weft::testing
