// SPDX-License-Identifier: Apache-2.0
// The arguments of the benchmark programs.
#pragma once
#include <charconv>
#include <string_view>

#include "weft/core/error.h"

namespace weft {

// A whole number of at least 1. Throws UserError, naming `what`, for other text.
template <class Number = int>
Number number_of(std::string_view text, std::string_view what) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  WEFT_CHECK(error == std::errc() && end == text.data() + text.size() && number >= 1,
             "'{}' given for {}; a whole number of at least 1 is required", text, what);
  return number;
}

}  // namespace weft
