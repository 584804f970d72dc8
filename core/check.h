// SPDX-License-Identifier: Apache-2.0
// A Check describes what is required of a value beyond its type. It is data: readers test it, and
// the documentation prints it.
#pragma once
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weft/core/types.h"

namespace weft {

// The upper bound of counts without one of their own. The product of any two counts fits into 64
// bits.
inline constexpr i64 kMostCount = 1'000'000'000;
// More threads than any machine needs. OpenMP aborts a process that asks for tens of thousands.
inline constexpr int kMostThreads = 1024;

// A check applies to each number or string of a list, and to the value that an optional holds.
struct Check {
  std::string text = {};  // completes "expected a number …": "above 0"
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_excluded = false, high_excluded = false;
  std::vector<std::string> choices = {};  // for strings; empty: any
  bool required = false;                  // the key must be given
  bool or_one = false;     // for lists: one entry may be given without a list, and null means none
  bool unprinted = false;  // to_yaml leaves the key out
  bool path = false;       // of a file or folder: a reader replaces ~ by the home folder
  // Other spellings of a string, which a reader replaces: {"language_modeling", …}.
  std::vector<std::pair<std::string, std::string>> spellings = {};

  bool accepts(double number) const;  // NaN: false, if there is a bound
  // An integer that has a lower bound and none above that i64 holds is a count, at most kMostCount.
  bool accepts(i64 number) const;
  bool is_count() const;
  bool accepts(std::string_view string) const;
};

Check at_least(double low);                    // low <= x
Check in_range(double low, double high);       // low <= x <= high
Check from_to_below(double low, double high);  // low <= x < high, as for momentum and dropout
Check one_of(std::vector<std::string> choices);
Check required(Check check = {});  // no default: the key must be given

inline Check unprinted_if(bool unprinted) { return {.unprinted = unprinted}; }

inline const Check one_or_several{.or_one = true};
// The least and the largest of the normal numbers of f32. Kernels compute in f32, where a number
// below the least is 0, or has lost digits, and one above the largest is infinite.
inline constexpr double kLeastF32 = std::numeric_limits<float>::min();
inline constexpr double kMostF32 = std::numeric_limits<float>::max();

// Above 0 also as an f32.
inline const Check positive{.text = "above 0", .low = kLeastF32, .high = kMostF32};
inline const Check non_negative = at_least(0);
// The same for a number that becomes an f32.
inline const Check non_negative_f32{.text = "of at least 0", .low = 0, .high = kMostF32};
// Of an integer that is no count, such as a seed: any that is not negative.
inline const Check any_non_negative{
    .text = "of at least 0", .low = 0, .high = 9223372036854775807.};
inline const Check is_path{.path = true};

}  // namespace weft
