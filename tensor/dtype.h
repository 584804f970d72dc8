// SPDX-License-Identifier: Apache-2.0
// The element types of a tensor, and the one place that turns a run-time type into a compile-time
// type.
#pragma once
#include <algorithm>
#include <string_view>
#include <type_traits>

#include "weft/core/error.h"
#include "weft/core/types.h"
#include "weft/kernels/common/half.h"

namespace weft {

enum class DType : u8 { f32, f64, f16, bf16, int64, int32, uint8 };

i64 bytes_of(DType dtype);
std::string_view name_of(DType dtype);     // "f32"
DType dtype_named(std::string_view name);  // throws UserError listing the known names
bool is_floating(DType dtype);

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return DType::f32;
  else if constexpr (std::is_same_v<T, double>) return DType::f64;
  else if constexpr (std::is_same_v<T, half>) return DType::f16;
  else if constexpr (std::is_same_v<T, bfloat16>) return DType::bf16;
  else if constexpr (std::is_same_v<T, i64>) return DType::int64;
  else if constexpr (std::is_same_v<T, i32>) return DType::int32;
  else {
    static_assert(std::is_same_v<T, u8>, "not an element type of weft");
    return DType::uint8;
  }
}

// Calls f with the C++ type of a dtype that arithmetic is written for:
//   visit_compute("softmax", x.dtype(), [&]<class T>() { ... });
// Throws UserError for another dtype, with the name of the op in the message.
template <class F>
decltype(auto) visit_compute(const char* op, DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32: return f.template operator()<float>();
    case DType::f64: return f.template operator()<double>();
    default: fail("{}: dtype {} given; f32 or f64 is required", op, name_of(dtype));
  }
}

// Calls f with the C++ type of any dtype, for copies, conversions and gathers.
template <class F>
decltype(auto) visit_any(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32: return f.template operator()<float>();
    case DType::f64: return f.template operator()<double>();
    case DType::f16: return f.template operator()<half>();
    case DType::bf16: return f.template operator()<bfloat16>();
    case DType::int64: return f.template operator()<i64>();
    case DType::int32: return f.template operator()<i32>();
    default: return f.template operator()<u8>();
  }
}

}  // namespace weft

template <>
struct fmt::formatter<weft::DType> {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  auto format(const weft::DType& dtype, fmt::format_context& context) const {
    const auto text = weft::name_of(dtype);
    return std::copy(text.begin(), text.end(), context.out());
  }
};
