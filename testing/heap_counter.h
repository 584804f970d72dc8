// SPDX-License-Identifier: Apache-2.0
// Counts calls to the heap: by calling heap_calls() a program gets this library's operator new,
// which libweft and everything else in the process then use too.
#pragma once
#include "weft/core/types.h"

namespace weft::testing {

// Calls of operator new since the program started, on all threads.
i64 heap_calls();

}  // namespace weft::testing
