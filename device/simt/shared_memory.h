// SPDX-License-Identifier: Apache-2.0
// Shared memory on the host. It is fresh for every block and filled with Options::poison, and each
// variable is a separate allocation, so that sanitizers detect accesses out of its bounds.
#pragma once
#include <cstddef>
#include <type_traits>

namespace weft::simt {

// Returns the block's variable identified by `key`. The first thread that asks allocates it.
void* shared_variable(const void* key, std::size_t bytes, std::size_t alignment);
void* dynamic_shared_memory();

}  // namespace weft::simt

namespace weft {
template <class T>
T* dynamic_shared() {
  return static_cast<T*>(simt::dynamic_shared_memory());
}
}  // namespace weft

#define WEFT_SHARED(name, ...)                                                              \
  static constinit const char name##_key = 0;                                               \
  auto& name = *static_cast<std::type_identity_t<__VA_ARGS__>*>(                            \
      ::weft::simt::shared_variable(&name##_key, sizeof(std::type_identity_t<__VA_ARGS__>), \
                                    alignof(std::type_identity_t<__VA_ARGS__>)))
