// SPDX-License-Identifier: Apache-2.0
// Texts of several lines.
#pragma once
#include <string>
#include <utility>

namespace weft {

// The first lines that differ, without the blanks before them; two empty ones for equal texts.
std::pair<std::string, std::string> first_difference(const std::string& a, const std::string& b);

}  // namespace weft
