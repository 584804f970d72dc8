// SPDX-License-Identifier: Apache-2.0
// Counts calls to the heap. A program that calls heap_calls() gets this library's operator new,
// which libweft and all other code in the process then use too.
#pragma once
#include "weft/core/types.h"

namespace weft::testing {

// Returns the number of calls of operator new since the program started, on all threads.
i64 heap_calls();

}  // namespace weft::testing
