// SPDX-License-Identifier: Apache-2.0
#include "weft/core/glob.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "weft/core/error.h"
#include "weft/core/nearest.h"
#include "weft/core/printable.h"

namespace weft {
namespace {

// Returns the smallest number of edits of the pattern's own characters after which it matches the
// name.
i64 glob_distance(std::string_view pattern, std::string_view name) {
  std::vector<i64> above(name.size() + 1), row(name.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (const char wanted : pattern) {
    above.swap(row);
    const bool any_run = wanted == '*';
    row[0] = above[0] + !any_run;
    for (std::size_t j = 1; j <= name.size(); ++j) {
      const bool fits = any_run || wanted == '?' || wanted == name[j - 1];
      row[j] = std::min({above[j - 1] + !fits, above[j] + !any_run, row[j - 1] + !any_run});
    }
  }
  return row.back();
}

std::vector<std::string> nearest_names(std::string_view pattern,
                                       std::span<const std::string> names) {
  constexpr std::size_t kShown = 3;
  if (pattern.size() > kLongestName) return {};
  std::vector<std::pair<i64, i64>> ranked;  // (distance, index): equal ones stay in order
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i].size() <= kLongestName)
      ranked.emplace_back(glob_distance(pattern, names[i]), static_cast<i64>(i));
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> nearest;
  for (std::size_t i = 0; i < std::min(kShown, ranked.size()); ++i)
    nearest.push_back(names[static_cast<std::size_t>(ranked[i].second)]);
  return nearest;
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view name) {
  constexpr auto kNone = std::string_view::npos;
  std::size_t p = 0, n = 0, star = kNone, star_end = 0;  // the last `*`, and the end of its match
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_end = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p, ++n;
    } else if (star != kNone) {
      p = star + 1;
      n = ++star_end;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == kNone;
}

std::vector<i64> glob_select(std::string_view what, std::span<const std::string> patterns,
                             std::span<const std::string> names) {
  std::vector<bool> selected(names.size());
  for (const std::string& pattern : patterns) {
    bool found = false;
    for (std::size_t i = 0; i < names.size(); ++i)
      if (glob_matches(pattern, names[i])) found = selected[i] = true;
    WEFT_CHECK(found, "{}: pattern '{}' matches none of {} names; nearest: {}", what,
               excerpt(pattern, 200), names.size(), listed(nearest_names(pattern, names)));
  }
  std::vector<i64> indices;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (selected[i]) indices.push_back(static_cast<i64>(i));
  return indices;
}

}  // namespace weft
