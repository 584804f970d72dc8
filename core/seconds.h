// SPDX-License-Identifier: Apache-2.0
// A length of time as text: "30s" is 30 seconds. Seconds may be fractional ("0.5s").
#pragma once
#include <string>
#include <string_view>

namespace weft {

// Returns what is required of a text that is no length of time ("a time of at least 0s is
// required"), or "" for one that is.
std::string seconds_problem(std::string_view text);

class Seconds {
 public:
  Seconds() = default;  // zero
  // Throws UserError unless `text` is a number from 0 to 10^9 followed by "s", or "0".
  Seconds(std::string_view text);
  Seconds(const char* text) : Seconds(std::string_view(text)) {}
  Seconds(const std::string& text) : Seconds(std::string_view(text)) {}

  double amount() const { return amount_; }
  bool is_zero() const { return amount_ == 0; }
  std::string to_string() const;  // "30s"; reads back equal
  friend bool operator==(const Seconds&, const Seconds&) = default;

 private:
  double amount_ = 0;
};

}  // namespace weft
