// SPDX-License-Identifier: Apache-2.0
// Shared memory on the host: fresh for every block and filled with Options::poison, each variable
// an allocation of its own, so that sanitizers see its bounds.
#pragma once
#include <cstddef>
#include <type_traits>

namespace weft::simt {

// The block's variable known by `key`, allocated by the first thread that asks.
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
