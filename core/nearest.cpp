// SPDX-License-Identifier: Apache-2.0
#include "weft/core/nearest.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace weft {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

i64 common_beginning(std::string_view a, std::string_view b) {
  const std::size_t shorter = std::min(a.size(), b.size());
  return std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(shorter), b.begin())
             .first -
         a.begin();
}

}  // namespace

i64 edit_distance(std::string_view a, std::string_view b) {
  // Row i holds the distances from a[0, i) to every prefix of b.
  std::vector<i64> two_above(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    two_above.swap(above);
    above.swap(row);
    row[0] = static_cast<i64>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const i64 replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], two_above[j - 2] + 1);
    }
  }
  return row.back();
}

std::string nearest(std::string_view name, std::span<const std::string> candidates) {
  if (name.size() > kLongestName) return "";
  const std::string wanted = lower(name);
  const std::string* best = nullptr;
  std::pair<i64, i64> best_rank{};
  for (const std::string& candidate : candidates) {
    const auto [shorter, longer] = std::minmax({name.size(), candidate.size()});
    const i64 allowed = std::max<i64>(1, static_cast<i64>(longer) / 3);
    // The distance is at least the difference of the lengths, so a long name from a file is not
    // compared with each short one.
    if (longer > kLongestName || static_cast<i64>(longer - shorter) > allowed) continue;
    const std::string other = lower(candidate);
    const i64 distance = edit_distance(wanted, other);
    if (distance > allowed) continue;
    const std::pair rank{distance, -common_beginning(wanted, other)};
    if (best == nullptr || rank < best_rank)
      std::tie(best, best_rank) = std::tuple(&candidate, rank);
  }
  return best == nullptr ? std::string() : *best;
}

std::string did_you_mean(std::string_view name, std::span<const std::string> candidates) {
  const std::string found = nearest(name, candidates);
  return found.empty() || found == name ? std::string()
                                        : fmt::format("; did you mean '{}'?", found);
}

std::string listed(std::span<const std::string> names, std::size_t most) {
  if (names.empty()) return "none";
  const bool is_cut = names.size() > most;
  return fmt::format("{}{}", fmt::join(names.first(is_cut ? most : names.size()), ", "),
                     is_cut ? ", …" : "");
}

}  // namespace weft
