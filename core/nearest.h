// SPDX-License-Identifier: Apache-2.0
// Suggestions for misspelled names: "did you mean …?"
#pragma once
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "weft/core/types.h"

namespace weft {

// No suggestion is made for a longer name and none that is longer: the time of a comparison grows
// with the product of the lengths.
constexpr std::size_t kLongestName = 256;

// Returns the number of single edits (insert, delete, replace, swap of two neighbours) that turn a
// into b: the Damerau-Levenshtein distance in its "optimal string alignment" form.
i64 edit_distance(std::string_view a, std::string_view b);

// Returns the candidate with the smallest edit distance, if the distance is at most a third of the
// longer of the two names (a distance of one is always accepted); "" otherwise. Case does not count
// as an edit. Among equally near candidates the one with the longest common prefix wins, then the
// first.
std::string nearest(std::string_view name, std::span<const std::string> candidates);

// Returns "; did you mean 'x'?", or "" if nothing is near. It ends a sentence about an unknown
// name.
std::string did_you_mean(std::string_view name, std::span<const std::string> candidates);

// Returns "a, b, c", or "none". If there are more than `most`, the others are an ellipsis.
std::string listed(std::span<const std::string> names,
                   std::size_t most = std::numeric_limits<std::size_t>::max());

}  // namespace weft
