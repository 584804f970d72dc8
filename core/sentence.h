// SPDX-License-Identifier: Apache-2.0
// Formats the sentences of errors and warnings.
#pragma once
#include <string>

#include <fmt/core.h>

namespace weft {

// Does what fmt::vformat does. The texts among the arguments may be names from files: their control
// characters, line breaks and tabs among them, are made visible (printable_line of
// core/printable.h), so that a name cannot look like a line of its own. Lines that the format
// itself has stay.
std::string sentence(fmt::string_view format, fmt::format_args args);

}  // namespace weft
