// SPDX-License-Identifier: Apache-2.0
#include "weft/core/duration.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "weft/core/check.h"
#include "weft/core/error.h"
#include "weft/core/printable.h"

namespace weft {

namespace {

constexpr double kMostEpochs = kMostCount;
constexpr double kMostBatches = 1e15;                // a double counts them exactly
constexpr double kMostSteps = 4611686018427387904.;  // 2^62: adding two of them does not overflow

}  // namespace

std::string duration_problem(std::string_view text) {
  double amount = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, amount);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  const bool in_epochs = unit == "ep";
  const bool known = in_epochs || unit == "ba" || (unit.empty() && amount == 0);
  if (error == std::errc::invalid_argument || !known || std::isnan(amount) || std::isinf(amount))
    return "a number with a unit is required, like 3ep (epochs) or 200ba (batches)";
  if (std::signbit(amount) && amount != 0) return "a duration of at least 0 is required";
  if (error == std::errc::result_out_of_range || amount > (in_epochs ? kMostEpochs : kMostBatches))
    return fmt::format("at most {}ep or {}ba is allowed", kMostCount,
                       static_cast<i64>(kMostBatches));
  if (!in_epochs && amount != std::floor(amount)) return "a whole number of batches is required";
  return "";
}

Duration::Duration(std::string_view text) {
  const std::string problem = duration_problem(text);
  WEFT_CHECK(problem.empty(), "duration: '{}' given; {}", excerpt(text), problem);
  std::from_chars(text.data(), text.data() + text.size(), amount_);
  in_epochs_ = text.ends_with("ep");
}

i64 Duration::steps(i64 steps_per_epoch) const {
  const double steps = in_epochs_ ? amount_ * static_cast<double>(steps_per_epoch) : amount_;
  return std::llround(std::min(steps, kMostSteps));
}

bool Duration::is_whole_epochs() const {
  return in_epochs_ && amount_ > 0 && amount_ == std::floor(amount_);
}

std::string Duration::to_string() const {
  return fmt::format("{}{}", amount_, in_epochs_ ? "ep" : "ba");
}

}  // namespace weft
