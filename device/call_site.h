// SPDX-License-Identifier: Apache-2.0
// The place in the sources that a message names. Not std::source_location, which device code may
// not use and clang 14 lacks.
#pragma once
#include <string>

namespace weft {

struct CallSite {
  const char* file = "?";
  unsigned line = 0;

  // As a default argument or default member: the place of the call.
  static constexpr CallSite here(const char* file = __builtin_FILE(),
                                 unsigned line = __builtin_LINE()) {
    return {file, line};
  }
  friend bool operator==(const CallSite& a, const CallSite& b);
};

// "softmax_cuda.cu:57"
std::string text_of(const CallSite& site);

}  // namespace weft
