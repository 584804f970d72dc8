// SPDX-License-Identifier: Apache-2.0
// The dtypes of the safetensors format, and conversions of those that weft does not compute in.
// Sources of the 8-bit floats: OCP 8-bit Floating Point Specification (E5M2, E4M3), OCP
// Microscaling Formats (E8M0), and https://arxiv.org/abs/2206.02915 (FNUZ: no negative zero, whose
// bits are the only NaN).
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "weft/nn/safetensors_header.h"

namespace weft {
namespace {

// Every value of `From` is one of `To`.
template <class From, class To>
std::optional<i64> widen(const u8* from, i64 count, void* to) {
  for (i64 i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, from + i * static_cast<i64>(sizeof value), sizeof value);
    // NOLINTNEXTLINE(bugprone-signed-char-misuse): an i8 is a number here, never a character.
    static_cast<To*>(to)[i] = static_cast<To>(value);
  }
  return std::nullopt;
}

std::optional<i64> bool_to_uint8(const u8* from, i64 count, void* to) {
  for (i64 i = 0; i < count; ++i) static_cast<u8*>(to)[i] = from[i] != 0;
  return std::nullopt;
}

std::optional<i64> u64_to_int64(const u8* from, i64 count, void* to) {
  std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(i64));
  const i64* values = static_cast<const i64*>(to);
  const i64* bad = std::find_if(values, values + count, [](i64 value) { return value < 0; });
  return bad == values + count ? std::nullopt : std::optional<i64>(bad - values);
}

enum class Special { ieee, one_nan, fnuz };

struct Float8 {
  int exponent_bits, mantissa_bits, bias;
  Special special;
};

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

float decode(Float8 format, int bits) {
  const int mantissa_count = 1 << format.mantissa_bits;
  const int mantissa = bits % mantissa_count;
  const int exponent = (bits >> format.mantissa_bits) % (1 << format.exponent_bits);
  const bool last_exponent = exponent == (1 << format.exponent_bits) - 1;
  const float sign = (bits & 0x80) != 0 ? -1.0f : 1.0f;
  if (format.special == Special::fnuz && bits == 0x80) return kNan;
  if (format.special == Special::one_nan && last_exponent && mantissa == mantissa_count - 1)
    return kNan;
  if (format.special == Special::ieee && last_exponent)
    return mantissa == 0 ? sign * std::numeric_limits<float>::infinity() : kNan;
  const int whole = exponent == 0 ? mantissa : mantissa_count + mantissa;
  return sign * std::ldexp(static_cast<float>(whole),
                           std::max(exponent, 1) - format.bias - format.mantissa_bits);
}

template <class F>
std::array<float, 256> table_of(const F& value_of) {
  std::array<float, 256> table{};
  for (int bits = 0; bits < 256; ++bits) table[static_cast<std::size_t>(bits)] = value_of(bits);
  return table;
}

std::optional<i64> look_up(const std::array<float, 256>& table, const u8* from, i64 count,
                           void* to) {
  for (i64 i = 0; i < count; ++i) static_cast<float*>(to)[i] = table[from[i]];
  return std::nullopt;
}

template <int kExponentBits, int kMantissaBits, int kBias, Special kSpecial>
std::optional<i64> float8_to_f32(const u8* from, i64 count, void* to) {
  static const auto table = table_of([](int bits) {
    return decode({kExponentBits, kMantissaBits, kBias, kSpecial}, bits);
  });
  return look_up(table, from, count, to);
}

// An exponent alone: a scale of a block, without sign.
std::optional<i64> e8m0_to_f32(const u8* from, i64 count, void* to) {
  static const auto table =
      table_of([](int bits) { return bits == 255 ? kNan : std::ldexp(1.0f, bits - 127); });
  return look_up(table, from, count, to);
}

constexpr std::string_view kShared = "its elements share bytes, which no dtype of weft does";
constexpr std::string_view kComplex = "its elements are complex, which no dtype of weft is";

constexpr std::array<StoredDType, 22> kStoredDTypes{{
    {"F32", 32, DType::f32, true, nullptr, ""},
    {"F64", 64, DType::f64, true, nullptr, ""},
    {"F16", 16, DType::f16, true, nullptr, ""},
    {"BF16", 16, DType::bf16, true, nullptr, ""},
    {"I64", 64, DType::int64, true, nullptr, ""},
    {"I32", 32, DType::int32, true, nullptr, ""},
    {"U8", 8, DType::uint8, true, nullptr, ""},
    {"BOOL", 8, DType::uint8, false, bool_to_uint8, ""},
    {"I8", 8, DType::int32, false, widen<std::int8_t, i32>, ""},
    {"I16", 16, DType::int32, false, widen<std::int16_t, i32>, ""},
    {"U16", 16, DType::int32, false, widen<std::uint16_t, i32>, ""},
    {"U32", 32, DType::int64, false, widen<u32, i64>, ""},
    {"U64", 64, DType::int64, false, u64_to_int64, ""},
    {"F8_E5M2", 8, DType::f32, false, float8_to_f32<5, 2, 15, Special::ieee>, ""},
    {"F8_E4M3", 8, DType::f32, false, float8_to_f32<4, 3, 7, Special::one_nan>, ""},
    {"F8_E5M2FNUZ", 8, DType::f32, false, float8_to_f32<5, 2, 16, Special::fnuz>, ""},
    {"F8_E4M3FNUZ", 8, DType::f32, false, float8_to_f32<4, 3, 8, Special::fnuz>, ""},
    {"F8_E8M0", 8, DType::f32, false, e8m0_to_f32, ""},
    {"F4", 4, DType::f32, false, nullptr, kShared},
    {"F6_E2M3", 6, DType::f32, false, nullptr, kShared},
    {"F6_E3M2", 6, DType::f32, false, nullptr, kShared},
    {"C64", 64, DType::f32, false, nullptr, kComplex},
}};

}  // namespace

const StoredDType* stored_dtype(std::string_view name) {
  const auto* const found = std::find_if(kStoredDTypes.begin(), kStoredDTypes.end(),
                                         [&](const StoredDType& row) { return row.name == name; });
  return found == kStoredDTypes.end() ? nullptr : found;
}

std::string_view stored_name_of(DType dtype) {
  return std::find_if(kStoredDTypes.begin(), kStoredDTypes.end(),
                      [&](const StoredDType& row) { return row.same_bytes && row.dtype == dtype; })
      ->name;
}

std::string known_stored_dtypes() {
  std::vector<std::string_view> names;
  for (const StoredDType& row : kStoredDTypes) names.push_back(row.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace weft
