// SPDX-License-Identifier: Apache-2.0
// What a terminal can show.
#pragma once
#include "weft/core/types.h"

namespace weft {

// The columns of the terminal that a file descriptor is, as of now: a window may be resized at any
// time. 80 for a terminal that does not say. 0 for what is no terminal, and for one that moves no
// cursor (TERM=dumb).
i64 terminal_columns(int descriptor);
// Whether colours are wanted: not where NO_COLOR is set to anything (https://no-color.org).
bool wants_colour();

}  // namespace weft
