// SPDX-License-Identifier: Apache-2.0
// Counts in sentences.
#pragma once
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "weft/core/types.h"

namespace weft {

// "1 epoch", "0 epochs", "1250 epochs". view/scale.h has another one, which groups the digits.
inline std::string counted(i64 count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace weft
