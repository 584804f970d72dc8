// SPDX-License-Identifier: Apache-2.0
#include "weft/core/check.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace weft {

bool Check::accepts(double number) const {
  if (text.empty()) return true;
  return (low_excluded ? number > low : number >= low) &&
         (high_excluded ? number < high : number <= high);
}

bool Check::is_count() const {
  constexpr double kAbove = 9223372036854775808.0;  // 2^63
  return !text.empty() && low > -std::numeric_limits<double>::infinity() && high > kAbove;
}

bool Check::accepts(i64 number) const {
  return accepts(static_cast<double>(number)) && (!is_count() || number <= kMostCount);
}

bool Check::accepts(std::string_view string) const {
  return choices.empty() || std::find(choices.begin(), choices.end(), string) != choices.end();
}

Check at_least(double low) { return {.text = fmt::format("of at least {}", low), .low = low}; }

Check in_range(double low, double high) {
  return {.text = fmt::format("from {} to {}", low, high), .low = low, .high = high};
}

Check from_to_below(double low, double high) {
  return {.text = fmt::format("from {} to below {}", low, high),
          .low = low,
          .high = high,
          .high_excluded = true};
}

Check one_of(std::vector<std::string> choices) { return {.choices = std::move(choices)}; }

Check required(Check check) {
  check.required = true;
  return check;
}

}  // namespace weft
