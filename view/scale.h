// SPDX-License-Identifier: Apache-2.0
// The axes of charts: where they begin and end, and the numbers at them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/types.h"

namespace weft::view {

struct Axis {
  double low = 0, high = 1;  // low < high; both above 0 if `logarithmic`
  bool logarithmic = false;
  std::vector<double> ticks = {};       // ascending, from low to high
  std::vector<std::string> texts = {};  // one for each tick

  double share_of(double value) const;  // 0 at low, 1 at high
};

// An axis for finite values from `low` to `high`, which may be equal, with ticks at round numbers
// and about `most` of them. The axis begins and ends at ticks if `at_ticks`, else with the values.
Axis linear_axis(double low, double high, int most, bool at_ticks = true);
// The same for positive values, in powers of ten.
Axis logarithmic_axis(double low, double high, int most);

// Four significant digits: "0.0321", "1.25e-05", "48,210", "NaN".
std::string number_text(double value);
// "1 epoch", "12,345 steps".
std::string counted(i64 count, std::string_view what);
// "1.2 MB", "310 kB".
std::string bytes_text(double bytes);
// "3.2 s", "4 min 10 s", "2 h 5 min".
std::string seconds_text(double seconds);

}  // namespace weft::view
