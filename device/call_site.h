// SPDX-License-Identifier: Apache-2.0
// The place in the sources that a message names. It is not std::source_location, because device
// code may not use that and clang 14 lacks it.
#pragma once
#include <string>

namespace weft {

struct CallSite {
  const char* file = "?";
  unsigned line = 0;

  // Yields the place of the call when used as a default argument or a default member initialiser.
  static constexpr CallSite here(const char* file = __builtin_FILE(),
                                 unsigned line = __builtin_LINE()) {
    return {file, line};
  }
  friend bool operator==(const CallSite& a, const CallSite& b);
};

// "softmax_cuda.cu:57"
std::string text_of(const CallSite& site);

}  // namespace weft
