// SPDX-License-Identifier: Apache-2.0
// A Check describes what is required of a value beyond its type. It is data: readers test it, and
// the documentation prints it.
#pragma once
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace weft {

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

  bool accepts(double number) const;  // NaN: false, if there is a bound
  bool accepts(std::string_view string) const;
};

Check at_least(double low);                    // low <= x
Check in_range(double low, double high);       // low <= x <= high
Check from_to_below(double low, double high);  // low <= x < high, as for momentum and dropout
Check one_of(std::vector<std::string> choices);
Check required(Check check = {});  // no default: the key must be given

inline Check unprinted_if(bool unprinted) { return {.unprinted = unprinted}; }

inline const Check one_or_several{.or_one = true};
inline const Check positive{.text = "above 0", .low = 0, .low_excluded = true};
inline const Check non_negative = at_least(0);

}  // namespace weft
