// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <type_traits>

#include "weft/tensor/tensor.h"

namespace weft {

// A view of trivially copyable values on the host as uint8 (bytes). It serves copies of structs
// between host and device.
template <class T>
Tensor as_bytes(std::span<T> values) {
  static_assert(std::is_trivially_copyable_v<T>);
  return Tensor::view_of(std::span(reinterpret_cast<u8*>(values.data()), values.size_bytes()),
                         {static_cast<i64>(values.size_bytes())}, nullptr);
}

}  // namespace weft
