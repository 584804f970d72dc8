// SPDX-License-Identifier: Apache-2.0
#include "weft/core/error.h"

#include <fmt/format.h>

#include "weft/core/printable.h"
#include "weft/core/sentence.h"

namespace weft {

// A very long message loses its middle.
void throw_user_error(fmt::string_view format, fmt::format_args args) {
  throw UserError(shortened(printable(sentence(format, args))));
}

void throw_internal_error(const char* condition, const char* file, int line,
                          fmt::string_view format, fmt::format_args args) {
  const std::string message = shortened(printable(sentence(format, args)));
  throw InternalError(fmt::format("{} (internal error: `{}` is false at {}:{}; please report it)",
                                  message, condition, file, line));
}

}  // namespace weft
