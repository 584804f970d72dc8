// SPDX-License-Identifier: Apache-2.0
#include "weft/core/seconds.h"

#include <charconv>
#include <cmath>

#include "weft/core/check.h"
#include "weft/core/error.h"
#include "weft/core/printable.h"

namespace weft {

std::string seconds_problem(std::string_view text) {
  double amount = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, amount);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  const bool known = unit == "s" || (unit.empty() && amount == 0);
  if (error == std::errc::invalid_argument || !known || !std::isfinite(amount))
    return "a number of seconds with its unit is required, like 30s";
  if (std::signbit(amount) && amount != 0) return "a time of at least 0s is required";
  if (error == std::errc::result_out_of_range || amount > static_cast<double>(kMostCount))
    return fmt::format("at most {}s is allowed", kMostCount);
  return "";
}

Seconds::Seconds(std::string_view text) {
  const std::string problem = seconds_problem(text);
  WEFT_CHECK(problem.empty(), "time: '{}' given; {}", excerpt(text), problem);
  std::from_chars(text.data(), text.data() + text.size(), amount_);
}

std::string Seconds::to_string() const { return fmt::format("{}s", amount_); }

}  // namespace weft
