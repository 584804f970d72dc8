// SPDX-License-Identifier: Apache-2.0
#include "weft/core/terminal.h"

#include <cstdlib>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

namespace weft {

i64 terminal_columns(int descriptor) {
  constexpr i64 kUnknown = 80;
  if (isatty(descriptor) == 0) return 0;
  if (const char* kind = std::getenv("TERM"); kind != nullptr && std::string_view(kind) == "dumb")
    return 0;
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUnknown;
  return size.ws_col;
}

bool wants_colour() {
  const char* unwanted = std::getenv("NO_COLOR");
  return unwanted == nullptr || *unwanted == '\0';
}

}  // namespace weft
