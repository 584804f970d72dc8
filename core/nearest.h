// SPDX-License-Identifier: Apache-2.0
// "did you mean …?"
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "weft/core/types.h"

namespace weft {

// The number of single edits (insert, delete, replace, swap of two neighbours) that turn a into b:
// the Damerau-Levenshtein distance in its "optimal string alignment" form.
i64 edit_distance(std::string_view a, std::string_view b);

// The candidate with the smallest edit distance, if that is at most a third of the longer of the
// two (but one edit is always near); "" otherwise. Case does not count as an edit. Of equally near
// candidates the one that shares the longest beginning, then the first.
std::string nearest(std::string_view name, std::span<const std::string> candidates);

// "; did you mean 'x'?", or "" where nothing is near: the end of a sentence about an unknown name.
std::string did_you_mean(std::string_view name, std::span<const std::string> candidates);

// "a, b, c", or "none".
std::string listed(std::span<const std::string> names);

}  // namespace weft
