// SPDX-License-Identifier: Apache-2.0
#include "weft/core/error.h"

#include <fmt/format.h>

namespace weft {

void throw_user_error(fmt::string_view format, fmt::format_args args) {
  throw UserError(fmt::vformat(format, args));
}

void throw_internal_error(const char* condition, const char* file, int line,
                          fmt::string_view format, fmt::format_args args) {
  throw InternalError(fmt::format("{} (internal error: `{}` is false at {}:{}; please report it)",
                                  fmt::vformat(format, args), condition, file, line));
}

}  // namespace weft
