// SPDX-License-Identifier: Apache-2.0
// Finds the pointers in a kernel's argument: the argument itself, or the members of a struct of
// scalars such as a view (kernels/common/views.h) or a group of arrays.
#pragma once
#include <cstring>
#include <type_traits>
#include <utility>

namespace weft::detail {

struct AnyScalar {
  template <class M>
  requires std::is_scalar_v<M>
  operator M() const;
};
struct AnyPointer {
  template <class M>
  operator M*() const;
};

// The number of scalars in V, including the members of its members.
template <class V, class... Scalar>
consteval std::size_t scalars_in() {
  if constexpr (requires { V{Scalar{}..., AnyScalar{}}; })
    return scalars_in<V, Scalar..., AnyScalar>();
  else return sizeof...(Scalar);
}
template <class V, std::size_t kAt, std::size_t... kIndex>
consteval bool is_pointer_at(std::index_sequence<kIndex...>) {
  return requires { V{std::conditional_t<kIndex == kAt, AnyPointer, AnyScalar>{}...}; };
}

// Calls check(pointer) for each pointer. A struct is searched only if each of its scalars takes 8
// bytes, padding included, because their offsets are then known.
template <class V, class Check>
void each_pointer(const V& argument, const Check& check) {
  if constexpr (std::is_pointer_v<V>) {
    check(argument);
  } else if constexpr (std::is_class_v<V> && std::is_aggregate_v<V> && alignof(V) == 8) {
    constexpr std::size_t kScalars = scalars_in<V>();
    if constexpr (kScalars * 8 == sizeof(V)) {
      using All = std::make_index_sequence<kScalars>;
      [&]<std::size_t... kAt>(std::index_sequence<kAt...>) {
        const auto check_at = [&]<std::size_t kPlace>() {
          if constexpr (is_pointer_at<V, kPlace>(All{})) {
            const void* pointer = nullptr;
            std::memcpy(&pointer, reinterpret_cast<const char*>(&argument) + kPlace * 8, 8);
            check(pointer);
          }
        };
        (check_at.template operator()<kAt>(), ...);
      }
      (All{});
    }
  }
}

}  // namespace weft::detail
