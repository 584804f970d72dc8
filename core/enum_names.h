// SPDX-License-Identifier: Apache-2.0
// The names of an enumeration's values, as configs write them. They are declared beside the
// enumeration, in the order of its values, which must count from 0:
//
//   enum class OnOutOfMemory { error, split };
//   constexpr EnumNames<2> names_of(OnOutOfMemory) { return {"error", "split"}; }
//
// Such an enumeration can be a field of an options struct (core/fields.h).
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace weft {

template <std::size_t kCount>
using EnumNames = std::array<std::string_view, kCount>;

template <class E>
concept NamedEnum = std::is_enum_v<E> && requires {
  names_of(E{});
};

template <NamedEnum E>
inline constexpr auto enum_names = names_of(E{});

// Returns the name of a value, or "?" for a number that is not a value of the enumeration.
template <NamedEnum E>
constexpr std::string_view enum_name(E value) {
  constexpr auto& names = enum_names<E>;
  static_assert(std::none_of(names.begin(), names.end(), [](auto name) { return name.empty(); }),
                "names_of gives fewer names than it says");
  const auto index = static_cast<std::size_t>(value);
  return index < names.size() ? names[index] : "?";
}

}  // namespace weft
