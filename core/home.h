// SPDX-License-Identifier: Apache-2.0
// The home folder in paths. A shell replaces ~ only at the beginning of an argument, so that
// run.dir=~/runs and a path in a config arrive as they were written.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace weft {

// Replaces a leading "~" or "~user" that a "/" or the end follows. Any other path is returned as it
// is: a folder that is named "~" can be written as "./~". Returns nullopt if the home folder is not
// known, or no such user is.
std::optional<std::string> expand_home(std::string_view path);

}  // namespace weft
