// SPDX-License-Identifier: Apache-2.0
// Arithmetic of counts from configs, command lines and files. A product of two accepted counts may
// exceed 64 bits, and the wrapped value would decide a size or a schedule without a word.
#pragma once
#include <concepts>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "weft/core/error.h"
#include "weft/core/types.h"

namespace weft {

// Returns nullopt if the exact result does not fit into 64 bits.
constexpr std::optional<i64> product_if_fits(i64 a, i64 b) {
  i64 result = 0;
  return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
}
constexpr std::optional<i64> sum_if_fits(i64 a, i64 b) {
  i64 result = 0;
  return __builtin_add_overflow(a, b, &result) ? std::nullopt : std::optional(result);
}
// Returns nullopt if a partial product does not fit. The product of no factors is 1.
constexpr std::optional<i64> product_if_fits(std::span<const i64> factors) {
  std::optional<i64> result = 1;
  for (const i64 factor : factors)
    if (result) result = product_if_fits(*result, factor);
  return result;
}
constexpr std::optional<i64> product_if_fits(std::initializer_list<i64> factors) {
  return product_if_fits(std::span<const i64>(factors.begin(), factors.size()));
}

// Throws UserError if the exact result does not fit. `what` names the two counts, for example
// "train: epochs × steps per epoch".
constexpr i64 checked_product(std::string_view what, i64 a, i64 b) {
  const std::optional<i64> result = product_if_fits(a, b);
  WEFT_CHECK(result.has_value(), "{}: {} × {} given; a product below 2^63 is required", what, a, b);
  return *result;
}
constexpr i64 checked_sum(std::string_view what, i64 a, i64 b) {
  const std::optional<i64> result = sum_if_fits(a, b);
  WEFT_CHECK(result.has_value(), "{}: {} + {} given; a sum below 2^63 is required", what, a, b);
  return *result;
}

// Return the nearest representable value in place of a result that does not fit. They serve
// limits, where a larger number than any count means "never".
constexpr i64 saturating_product(i64 a, i64 b) {
  const std::optional<i64> result = product_if_fits(a, b);
  using Limits = std::numeric_limits<i64>;
  return result ? *result : (a < 0) == (b < 0) ? Limits::max() : Limits::min();
}
constexpr i64 saturating_sum(i64 a, i64 b) {
  const std::optional<i64> result = sum_if_fits(a, b);
  using Limits = std::numeric_limits<i64>;
  return result ? *result : a > 0 ? Limits::max() : Limits::min();
}

// Returns the value in a narrower type. Throws UserError if it does not fit. `what` names the
// count, for example "run.threads".
template <std::integral T>
constexpr T checked_narrow(std::string_view what, i64 value) {
  using Limits = std::numeric_limits<T>;
  WEFT_CHECK(value >= static_cast<i64>(Limits::min()) && value <= static_cast<i64>(Limits::max()),
             "{}: {} given; an integer from {} to {} is required", what, value, Limits::min(),
             Limits::max());
  return static_cast<T>(value);
}

}  // namespace weft
