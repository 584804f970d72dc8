// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

#include "weft/core/types.h"

namespace weft::test_support {

// How often `part`, which is not empty, is in the text.
inline i64 count_of(std::string_view text, std::string_view part) {
  i64 count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++count;
  return count;
}

}  // namespace weft::test_support
