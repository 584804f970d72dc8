// SPDX-License-Identifier: Apache-2.0
// The only matcher for patterns over names (freeze, parameter groups, exclude): `*` matches any run
// of characters, including dots, `?` matches any one character, and every other character matches
// itself.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/types.h"

namespace weft {

bool glob_matches(std::string_view pattern, std::string_view name);

// Returns the indices of the names that at least one pattern matches, ascending. Throws UserError,
// with `what` and the nearest names, if one of the patterns matches none of them:
//   freeze: pattern 'clasifier.*' matches none of 12 names; nearest: classifier.weight,
//   classifier.bias
std::vector<i64> glob_select(std::string_view what, std::span<const std::string> patterns,
                             std::span<const std::string> names);

}  // namespace weft
