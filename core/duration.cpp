// SPDX-License-Identifier: Apache-2.0
#include "weft/core/duration.h"

#include <charconv>
#include <cmath>

#include "weft/core/error.h"

namespace weft {

Duration::Duration(std::string_view text) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, amount_);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  in_epochs_ = unit == "ep";
  const bool known = in_epochs_ || unit == "ba" || (unit.empty() && amount_ == 0);
  const bool whole = in_epochs_ || amount_ == std::floor(amount_);
  // 1e15 keeps every count of batches exact in a double.
  WEFT_CHECK(
      error == std::errc{} && known && whole && amount_ >= 0 && amount_ < 1e15,
      "duration: '{}' given; a number with a unit is required, like 3ep (epochs) or 200ba (batches)",
      text);
}

i64 Duration::steps(i64 steps_per_epoch) const {
  return std::llround(in_epochs_ ? amount_ * static_cast<double>(steps_per_epoch) : amount_);
}

std::string Duration::to_string() const {
  return fmt::format("{}{}", amount_, in_epochs_ ? "ep" : "ba");
}

}  // namespace weft
