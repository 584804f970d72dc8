// SPDX-License-Identifier: Apache-2.0
// A length of training as text: "3ep" is three epochs (passes over the training data), "200ba" is
// 200 batches (optimizer steps). Epochs may be fractional ("0.5ep"), batches not.
#pragma once
#include <string>
#include <string_view>

#include "weft/core/types.h"

namespace weft {

// Returns what is required of a text that is no duration ("a duration of at least 0 is required"),
// or "" for one that is.
std::string duration_problem(std::string_view text);

class Duration {
 public:
  Duration() = default;  // zero
  // Throws UserError unless `text` is a non-negative number followed by "ep" or "ba", or "0", which
  // means zero. Epochs are at most 10^9 and batches 10^15.
  Duration(std::string_view text);
  Duration(const char* text) : Duration(std::string_view(text)) {}
  Duration(const std::string& text) : Duration(std::string_view(text)) {}

  bool is_zero() const { return amount_ == 0; }
  bool in_epochs() const { return in_epochs_; }
  double amount() const { return amount_; }
  // Whether it is a number of epochs without a fraction, and not zero.
  bool is_whole_epochs() const;
  // Returns whole optimizer steps, at most 2^62; a fraction of an epoch is rounded to the nearest
  // step.
  i64 steps(i64 steps_per_epoch) const;
  std::string to_string() const;  // "3ep"; reads back equal
  friend bool operator==(const Duration&, const Duration&) = default;

 private:
  double amount_ = 0;
  bool in_epochs_ = false;
};

}  // namespace weft
